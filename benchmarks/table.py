"""Timings as text, and as records in a file of results."""

import json
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.measure import OURS, Timing
from dlnotes import __version__
from dlnotes.lab.report import words

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "scikit-learn", "faiss-cpu", "torch")
HEADINGS = ("case", "sizes", "who", "median", "quartiles", "compile", "memory", "÷ dlnotes", "outcome")


def table(timings: Sequence[Timing]) -> str:
    """A line for each contestant; "÷ dlnotes" above 1 means that dlnotes is so many times faster."""
    ours = {_problem(timing): timing.seconds for timing in timings if timing.contestant == OURS}
    rows = [HEADINGS, *(_row(timing, ours.get(_problem(timing))) for timing in timings)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def records(benchmark: str, timings: Iterable[Timing], device: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is kept of timings: numbers, sizes, versions, the day, the device."""
    about = {"versions": versions(), "date": date.today().isoformat(), "device": dict(device)}
    return [{"benchmark": benchmark, **timing._asdict(), "sizes": dict(timing.sizes), **about} for timing in timings]


def file_name(device: Mapping[str, Any]) -> str:
    """The file of a device's records: `cpu-2.json`, `gpu-nvidia-h200-1.json`."""
    parts = dict.fromkeys(str(device[what]).lower() for what in ("platform", "kind", "count"))
    return "-".join(re.findall("[a-z0-9]+", " ".join(parts))) + ".json"


def append(file: Path, new: list[dict[str, Any]]) -> None:
    """Add records to a JSON list, seen whole or not at all; raises ValueError where the file holds something else."""
    old = json.loads(file.read_text()) if file.exists() else []
    if not isinstance(old, list):
        raise ValueError(f"{file} holds no list of records; give another file")
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(old + new, indent=1, ensure_ascii=False) + "\n")
    partial.replace(file)


def versions() -> dict[str, str]:
    """Of dlnotes and of what it is timed with and against."""
    found = {"python": platform.python_version(), "dlnotes": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _problem(timing: Timing) -> tuple:
    return timing.case, *timing.sizes.items()


def measured(sizes: Mapping[str, int]) -> str:
    """Sizes in a word each."""
    return " ".join(f"{name}={size:,}" for name, size in sizes.items())


def _row(timing: Timing, ours: float | None) -> tuple[str, ...]:
    sizes = measured(timing.sizes)
    outcome = " ".join(f"{name}={value:.3g}" for name, value in sorted(timing.outcome.items()))
    spread = f"{words.brief(timing.low)} to {words.brief(timing.high)}"
    ratio = words.three_digits(timing.seconds / ours) if ours else "–"
    costs = words.brief(timing.compile_seconds), words.memory(timing.memory)
    return timing.case, sizes, timing.contestant, words.brief(timing.seconds), spread, *costs, ratio, outcome
