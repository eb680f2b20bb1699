"""`dlnotes show`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Console

from dlnotes.cli.tables import Column, counted, print_table, say, screen
from dlnotes.lab import devices
from dlnotes.lab.discover import load, resolve
from dlnotes.lab.errors import LabError
from dlnotes.lab.experiment import Cost, Experiment, Study
from dlnotes.lab.parameters import Parameter
from dlnotes.lab.predictions import Prediction
from dlnotes.lab.settings import apply, count_conditions, count_programs, current, settable_of
from dlnotes.lab.values import axis


def show(word: str) -> None:
    """Print everything about one experiment but its results."""
    entries = resolve([word])
    if len(entries) != 1:
        raise LabError(f"{word} is {len(entries)} experiments; name one: {', '.join(entry.name for entry in entries)}")
    devices.configure()
    experiment, console = load(entries[0]), screen()
    standard, seeds = apply(experiment)
    say(console, experiment.name, style="bold")
    for line in (experiment.doc or "").strip().splitlines():
        say(console, line.strip())
    say(console, f"File: {experiment.path}")
    for name, study in standard.studies.items():
        show_study(console, name, study, seeds)
    show_predictions(console, experiment.predictions)
    show_presets(console, experiment)


def show_study(console: Console, name: str, study: Study | Cost, seeds: int) -> None:
    """A study's size and settings."""
    conditions, programs = count_conditions(study), count_programs(study)
    each = f"{study.repeats} repeats" if isinstance(study, Cost) else f"{seeds} seeds"
    say(console)
    say(console, f"{'Cost' if isinstance(study, Cost) else 'Study'} {name}", style="bold")
    say(console, f"{counted(conditions, 'condition')} × {each}, {counted(programs, 'program')} to compile")
    rows = [
        (parameter.name, kind(study, parameter), default(parameter), shown(current(study, parameter)))
        for parameter in settable_of(study).values()
    ]
    print_table(console, (Column("setting"), Column("type"), Column("default"), Column("value", wide=True)), rows)


def kind(study: Study | Cost, parameter: Parameter) -> str:
    """What a setting takes, and whether its values share a program."""
    if parameter.kind == "data":
        return "number" if isinstance(study, Cost) else "Array"
    return parameter.kind


def default(parameter: Parameter) -> str:
    return "-" if parameter.required else shown(parameter.default)


def shown(value: Any) -> str:
    """A setting's value or axis in words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{label} = {shown(each)}" for label, each in value.items())
    several = axis(value)
    if several is not None:
        return ", ".join(shown(each) for each in several)
    if hasattr(value, "_asdict"):
        return f"({', '.join(f'{name} {shown(each)}' for name, each in value._asdict().items())})"
    if np.ndim(value):
        return f"array of shape {np.shape(value)}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def show_predictions(console: Console, predictions: tuple[Prediction, ...]) -> None:
    """What is predicted, and where it is claimed."""
    say(console)
    say(console, "Predictions", style="bold")
    for prediction in predictions:
        say(console, f"{prediction.id}: {prediction.statement} [{claim(prediction)}; {prediction.source}]")
    if not predictions:
        say(console, "none")


def claim(prediction: Prediction) -> str:
    """The range in which the mean effect must lie."""
    match prediction.direction:
        case "greater":
            return f"effect above {prediction.margin:g}"
        case "less":
            return f"effect below {-prediction.margin or 0:g}"
    return f"effect {prediction.target:g} ± {prediction.margin:g}"


def show_presets(console: Console, experiment: Experiment) -> None:
    """What each preset changes, and how large it is."""
    say(console)
    say(console, "Presets", style="bold")
    rows = []
    for name in dict.fromkeys(("standard", *experiment.presets)):
        resolved, seeds = apply(experiment, name)
        studies = resolved.studies.values()
        size = f"{sum(map(count_conditions, studies))}", f"{sum(map(count_programs, studies))}"
        changes = experiment.presets.get(name, {})
        written = "; ".join(f"{key} = {shown(value)}" for key, value in changes.items() if key != "seeds")
        rows.append((name, str(seeds), *size, written or "as written"))
    columns = (Column("preset"), Column("seeds", right=True), Column("conditions", right=True))
    print_table(console, (*columns, Column("programs", right=True), Column("settings", wide=True)), rows)
