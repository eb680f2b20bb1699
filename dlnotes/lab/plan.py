"""From an experiment's settings to programs: data conditions share one, static ones compile once each."""

import itertools
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from dlnotes.lab import values
from dlnotes.lab.experiment import Cost, Experiment, Study
from dlnotes.lab.parameters import schema


@dataclass(frozen=True)
class Axis:
    """A setting with several values: its labels become a coordinate of the results."""

    name: str
    labels: tuple
    values: tuple


@dataclass(frozen=True)
class Program:
    """One compiled program of a study: static values baked in, every condition of the data axes as arrays."""

    study_name: str
    study: Study | Cost
    static: dict[str, Any]
    place: tuple[int, ...]
    static_axes: tuple[Axis, ...]
    data_axes: tuple[Axis, ...]
    fixed: dict[str, Any]

    @property
    def label(self) -> str:
        here = [f"{axis.name}={axis.labels[i]}" for axis, i in zip(self.static_axes, self.place, strict=True)]
        return ", ".join([self.study_name, *here])

    @property
    def repeats(self) -> int:
        """How often a cost study measures; 0 for trials."""
        return self.study.repeats if isinstance(self.study, Cost) else 0

    @property
    def conditions(self) -> int:
        return int(np.prod([len(axis.labels) for axis in self.data_axes], initial=1))

    def condition_arrays(self) -> dict[str, Any]:
        """Every data setting as a pytree of arrays with a leading axis [conditions], last axis fastest."""
        rows = [
            {**self.fixed, **dict(zip((a.name for a in self.data_axes), combination, strict=True))}
            for combination in itertools.product(*(axis.values for axis in self.data_axes))
        ]
        return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *rows) if rows[0] else {}

    def condition_labels(self, index: int) -> dict[str, Any]:
        """The labels of condition `index`, static ones included."""
        shape = [len(axis.labels) for axis in self.data_axes]
        where = np.unravel_index(index, shape) if shape else ()
        labels = {axis.name: axis.labels[i] for axis, i in zip(self.static_axes, self.place, strict=True)}
        return labels | {axis.name: axis.labels[i] for axis, i in zip(self.data_axes, where, strict=True)}


def programs(experiment: Experiment) -> list[Program]:
    """Every program of an experiment whose settings have been checked, study by study."""
    return [program for name, study in experiment.studies.items() for program in study_programs(name, study)]


def study_programs(name: str, study: Study | Cost) -> list[Program]:
    """The programs of one study: one for each combination of its static axes. Every setting of a Cost is static."""
    kinds = {key: parameter.kind for key, parameter in schema(study.function).items()}
    static, fixed, static_axes, data_axes = {}, {}, [], []
    for key, value in study.settings.items():
        is_data = kinds[key] == "data" and isinstance(study, Study)
        several = values.axis(value)
        if several is not None:
            (data_axes if is_data else static_axes).append(Axis(key, tuple(value), tuple(several)))
        else:
            (fixed if is_data else static)[key] = value
    found = []
    for place in itertools.product(*(range(len(axis.labels)) for axis in static_axes)):
        chosen = {axis.name: axis.values[i] for axis, i in zip(static_axes, place, strict=True)}
        found.append(Program(name, study, static | chosen, place, tuple(static_axes), tuple(data_axes), fixed))
    return found
