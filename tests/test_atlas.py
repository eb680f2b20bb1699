"""The atlas: every symbol is there, everything of ours is listed, and what is missing says so."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import dlnotes
from dlnotes.lab.discover import find_all
from dlnotes.lab.report.lists import atlas, errata

ROOT = Path(__file__).parent.parent
NOTES = ("cs182", "ee147", "dlbook", "lectures", "formulas")


def found(symbol: str) -> object:
    """What a dotted name means: the longest prefix that is a module, then attributes."""
    parts = symbol.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            thing = getattr(thing, part)
        return thing
    raise AttributeError(symbol)


def public_symbols() -> set[str]:
    """Every function and class without underscore that a concept module of dlnotes defines."""
    names = set()
    for module in pkgutil.walk_packages(dlnotes.__path__, "dlnotes."):
        if module.ispkg or module.name.split(".")[1] in ("lab", "cli", "experiments", "__main__"):
            continue
        home = importlib.import_module(module.name)
        for name, thing in vars(home).items():
            ours = getattr(thing, "__module__", None) == module.name
            if not name.startswith("_") and ours and (inspect.isclass(thing) or inspect.isfunction(thing)):
                names.add(f"{module.name}.{name}")
    return names


def test_all_five_notes_are_there_with_sections_named_once():
    assert tuple(note.key for note in atlas()) == NOTES
    for note in atlas():
        places = [(section.at, section.title) for section in note.sections]
        assert len(set(places)) == len(places), note.key


def test_a_section_has_code_or_says_why_not():
    for section in (section for note in atlas() for section in note.sections):
        there = bool(section.symbols or section.experiments or section.missing)
        assert there != bool(section.reason), section
        assert len(set(section.symbols)) == len(section.symbols), section


def test_every_symbol_is_there():
    for symbol in sorted({symbol for note in atlas() for section in note.sections for symbol in section.symbols}):
        assert found(symbol) is not None, symbol


def test_everything_of_ours_is_listed():
    listed = {symbol for note in atlas() for section in note.sections for symbol in section.symbols}
    assert sorted(public_symbols() - listed) == []
    experiments = {entry.name for entry in find_all(ROOT / "experiments")}
    assert experiments == {name for note in atlas() for section in note.sections for name in section.experiments}


def test_errata_stand_in_the_sections_that_err():
    placed = {row for note in atlas() for section in note.sections for row in section.errata}
    assert placed == {row.id for row in errata()}
