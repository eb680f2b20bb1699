"""The atlas and the errata: two lists that dlnotes keeps as TOML beside its code."""

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Section:
    """A section of the notes and where its content is found; `missing` or `reason` say why nothing is, or not yet."""

    at: str
    title: str
    symbols: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    errata: tuple[str, ...] = ()
    missing: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Note:
    """One set of notes, all of its sections in order."""

    key: str
    title: str
    sections: tuple[Section, ...]

    @property
    def covered(self) -> int:
        """How many sections have code or an experiment and nothing missing."""
        return sum(bool(section.symbols or section.experiments) and not section.missing for section in self.sections)

    @property
    def empty(self) -> int:
        """How many sections have nothing to implement."""
        return sum(bool(section.reason) for section in self.sections)


@dataclass(frozen=True)
class Erratum:
    """A place where the notes err or disagree: what they print, what is right, and what shows it."""

    id: str
    place: str
    printed: str
    right: str
    shown: str
    test: str = ""
    experiment: str = ""


def atlas() -> tuple[Note, ...]:
    """Every section of the five sets of notes."""
    table = read("atlas.toml")
    return tuple(
        Note(key, entry["title"], tuple(Section(**tuples(row)) for row in entry["sections"]))
        for key, entry in table.items()
    )


def errata() -> tuple[Erratum, ...]:
    """Every erratum that has its test or experiment."""
    return tuple(Erratum(**row) for row in read("errata.toml")["erratum"])


def read(name: str) -> dict[str, Any]:
    """A TOML file of the package."""
    return tomllib.loads(resources.files("dlnotes").joinpath(name).read_text(encoding="utf-8"))


def tuples(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its lists as tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
