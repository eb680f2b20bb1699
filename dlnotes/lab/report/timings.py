"""The newest stored timing of every contestant of every benchmark, device by device, where a checkout has them."""

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlnotes.lab import source

RESULTS = source.PACKAGE.parent / "benchmarks" / "results"
OURS = "dlnotes"
NEEDED = {
    **dict.fromkeys(("benchmark", "case", "contestant", "date"), str),
    **dict.fromkeys(("seconds", "low", "high", "compile_seconds"), float),
    **dict.fromkeys(("sizes", "outcome", "versions", "device"), dict),
}


@dataclass(frozen=True)
class Problem:
    """A case at one size, and the record of each contestant."""

    case: str
    sizes: dict[str, Any]
    records: tuple[dict[str, Any], ...]

    def ratio(self, record: dict[str, Any]) -> float | None:
        """How many times as long as dlnotes a contestant took."""
        ours = next((each["seconds"] for each in self.records if each["contestant"] == OURS), None)
        return record["seconds"] / ours if ours else None


@dataclass(frozen=True)
class Benchmark:
    """A benchmark's problems, and the first line of what its file says."""

    name: str
    about: str
    problems: tuple[Problem, ...]

    @property
    def dates(self) -> list[str]:
        """The days on which it was run."""
        return sorted({record["date"] for problem in self.problems for record in problem.records})


@dataclass(frozen=True)
class Machine:
    """What was timed on one kind of device; `name` is that of its file, the versions are the newest."""

    name: str
    device: dict[str, Any]
    versions: dict[str, str]
    benchmarks: tuple[Benchmark, ...]


def find(folder: Path, note: Callable[[str], None]) -> tuple[Machine, ...]:
    """Every device with records below `folder`; files that hold none are told through `note`."""
    found = []
    for path in sorted(folder.glob("*.json")):
        records = read(path)
        if records:
            found.append(machine(path, records))
        else:
            note(f"left out {path}: it holds no timings")
    return tuple(found)


def read(path: Path) -> list[dict[str, Any]]:
    """The sound records of a file, the newest of each contestant alone, in the order in which they were first made."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    rows = [row for row in rows if is_sound(row)] if isinstance(rows, list) else []
    newest = {}
    for row in sorted(rows, key=lambda row: row["date"]):
        newest[row["benchmark"], row["case"], *row["sizes"].items(), row["contestant"]] = row
    return list(newest.values())


def is_sound(row: Any) -> bool:
    """Whether a record has all that a page shows."""
    return isinstance(row, dict) and all(isinstance(row.get(name), kind) for name, kind in NEEDED.items())


def machine(path: Path, records: list[dict[str, Any]]) -> Machine:
    """The records of one file, grouped by benchmark and problem."""
    last = max(records, key=lambda record: record["date"])
    groups: dict[str, dict[tuple, list]] = {}
    for record in records:
        problem = record["case"], *record["sizes"].items()
        groups.setdefault(record["benchmark"], {}).setdefault(problem, []).append(record)
    benchmarks = tuple(
        Benchmark(name, about(path.parent.parent / f"{name}.py"), tuple(map(as_problem, groups[name].values())))
        for name in sorted(groups)
    )
    return Machine(path.stem, last["device"], last["versions"], benchmarks)


def as_problem(records: list[dict[str, Any]]) -> Problem:
    """What several contestants did about the same."""
    return Problem(records[0]["case"], records[0]["sizes"], tuple(records))


def about(path: Path) -> str:
    """The first line of a file's docstring; none where it cannot be read."""
    try:
        doc = ast.get_docstring(ast.parse(path.read_bytes()))
    except (OSError, ValueError, SyntaxError):
        return ""
    return doc.splitlines()[0] if doc else ""
