"""The verdicts of finished runs: as a table and as JSON."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console

from dlnotes.cli.tables import Column, counted, is_live, print_table, say
from dlnotes.lab.engine import Run
from dlnotes.lab.experiment import Experiment
from dlnotes.lab.stored import VERDICTS
from dlnotes.lab.verdicts import Verdict, adjust

COLUMNS = (
    Column("claim", wide=True),
    Column("effect", right=True),
    Column("seeds", right=True),
    Column("verdict"),
    Column("seconds", right=True),
)
MOST_REMARKS = 8  # of one experiment; the manifest has all


@dataclass(frozen=True)
class Outcome:
    """An experiment, its finished run, and its verdicts among those of all that ran with it."""

    experiment: Experiment
    run: Run
    verdicts: tuple[Verdict, ...]

    @property
    def seconds(self) -> float:
        return float(self.run.manifest["seconds"]["total"])


def judge_together(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Holm's correction over all predictions of one call."""
    judged = iter(adjust([verdict for outcome in outcomes for verdict in outcome.verdicts]))
    return [replace(each, verdicts=tuple(next(judged) for _ in each.verdicts)) for each in outcomes]


def print_verdicts(console: Console, outcomes: Sequence[Outcome]) -> None:
    """The table of verdicts, and in one line what it says."""
    rows = []
    for outcome in outcomes:
        seconds = f"{outcome.seconds:.1f}"
        if is_live(console):
            rows.append((outcome.experiment.name.rpartition("/")[2], "", "", "", seconds))
        for index, verdict in enumerate(outcome.verdicts):
            claim = verdict.statement if is_live(console) else f"{outcome.experiment.name}: {verdict.statement}"
            shown = "" if index or is_live(console) else seconds
            rows.append((claim, effect(verdict), str(verdict.n_seeds), verdict.verdict, shown))
    print_table(console, COLUMNS, rows)
    words = [verdict.verdict for outcome in outcomes for verdict in outcome.verdicts]
    counts = ", ".join(f"{words.count(word)} {word}" for word in VERDICTS)
    family = f"Holm's correction over {counted(len(words), 'prediction')}"
    for line in [line for outcome in outcomes for line in remarks(outcome)]:
        say(console, line)
    say(console, f"{counts} ({family}; intervals of 95 %)" if words else "no predictions")


def remarks(outcome: Outcome) -> list[str]:
    """What the table cannot say: predictions that could not be tested, trials that left the finite numbers."""
    name = outcome.experiment.name
    lines = [f"{name}: {v.id}: {v.reason}" for v in outcome.verdicts if not math.isfinite(v.p)]
    for place in outcome.run.manifest.get("non_finite", []):
        where = ", ".join(f"{key}={value}" for key, value in place["condition"].items())
        lost = f"{place['trials']} of {place['of']} trials not finite, first at step {place['first_step']}"
        lines.append(f"{name}: {place['study']} {where}: {lost}")
    return (
        lines
        if len(lines) <= MOST_REMARKS
        else [*lines[:MOST_REMARKS], f"{name}: and {len(lines) - MOST_REMARKS} more"]
    )


def effect(verdict: Verdict) -> str:
    """The effect, and its interval below it."""
    if not math.isfinite(verdict.effect):
        return "none"
    return f"{verdict.effect:.3g}\n[{verdict.low:.3g}, {verdict.high:.3g}]"


def as_record(outcome: Outcome) -> dict[str, Any]:
    """An outcome as JSON."""
    manifest = outcome.run.manifest
    return {
        "experiment": outcome.experiment.name,
        "folder": str(outcome.run.folder),
        "reused": outcome.run.reused,
        **{key: manifest.get(key) for key in ("preset", "seeds", "settings", "seconds", "device", "non_finite")},
        "predictions": [verdict.to_dict() for verdict in outcome.verdicts],
    }
