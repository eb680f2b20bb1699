"""Labelled results: one xarray Dataset for each study."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from dlnotes.lab.plan import Program


class Results(Mapping):
    """What an experiment measured: `results.training.loss` or `results["training"]["loss"]`."""

    def __init__(self, studies: Mapping[str, xr.Dataset]):
        self.studies = dict(studies)

    def __getitem__(self, name: str) -> xr.Dataset:
        if name not in self.studies:
            raise KeyError(f"no study {name!r}; there are {', '.join(self.studies)}")
        return self.studies[name]

    def __getattr__(self, name: str) -> xr.Dataset:
        if name.startswith("_") or name == "studies" or name not in self.studies:
            raise AttributeError(f"no study {name!r}; there are {', '.join(self.__dict__.get('studies', {}))}")
        return self.studies[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.studies)

    def __len__(self) -> int:
        return len(self.studies)

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {dataset!r}" for name, dataset in self.studies.items())


def trials_dataset(
    program: Program,
    seeds: range,
    stops: list[int],
    records: Mapping[str, np.ndarray],
    measures: Mapping[str, np.ndarray],
) -> xr.Dataset:
    """The Dataset of trials, seeds varying fastest: records [stops, trials, ...], measures [trials, ...]."""

    def by_condition(array: np.ndarray) -> np.ndarray:
        return array.reshape(program.conditions, len(seeds), *array.shape[1:])

    own = {name: tuple(program.study.dims.get(name, ())) for name in (*records, *measures)}
    named = {name: (by_condition(array), ("seed", *own[name])) for name, array in measures.items()}
    for name, array in records.items():
        named[name] = (by_condition(np.moveaxis(array, 0, 1)), ("seed", "step", *own[name]))
    return dataset(program, named, {"step": stops, "seed": np.array(seeds)})


def cost_dataset(program: Program, seconds: np.ndarray, compile_seconds: float, used: int, outputs: dict) -> xr.Dataset:
    """The Dataset of one computation: seconds by repeat, seconds of compiling, bytes, its own outputs."""
    own = program.study.dims
    measures: dict[str, tuple[np.ndarray, tuple[str, ...]]] = {
        name: (np.asarray(array)[None], tuple(own.get(name, ()))) for name, array in outputs.items()
    }
    measures["seconds"] = (seconds[None], ("repeat",))
    measures["compile_seconds"] = (np.array([compile_seconds]), ())
    measures["bytes"] = (np.array([used], float), ())
    return dataset(program, measures, {})


def dataset(
    program: Program, measures: Mapping[str, tuple[np.ndarray, tuple[str, ...]]], coordinates: Mapping[str, Any]
) -> xr.Dataset:
    """The Dataset of one program.

    Each measure is (array, its dimensions after the data axes): its first axis is the flattened condition.
    """
    axes = program.data_axes
    shape = tuple(len(axis.labels) for axis in axes)
    variables, lengths = {}, {}
    for name, (array, dims) in measures.items():
        own = tuple(dims) + tuple(f"{name}_{i}" for i in range(array.ndim - 1 - len(dims)))
        variables[name] = (tuple(axis.name for axis in axes) + own, array.reshape(shape + array.shape[1:]))
        lengths |= dict(zip(own, array.shape[1:], strict=True))
    coords = {name: np.arange(length) for name, length in lengths.items()} | {
        k: v for k, v in coordinates.items() if k in lengths
    }
    coords |= {axis.name: list(axis.labels) for axis in axes}
    here = {axis.name: [axis.labels[i]] for axis, i in zip(program.static_axes, program.place, strict=True)}
    return xr.Dataset(variables, coords).expand_dims(here)


def combine(parts: list[tuple[Program, xr.Dataset]]) -> xr.Dataset:
    """One Dataset of a study from those of its programs; own dimensions of unequal length are filled up with NaN."""
    first = parts[0][0]
    by_place = {program.place: part for program, part in parts}

    def nest(place: tuple[int, ...]) -> Any:
        if len(place) == len(first.static_axes):
            return by_place[place]
        return [nest((*place, i)) for i in range(len(first.static_axes[len(place)].labels))]

    names = [axis.name for axis in first.static_axes]
    whole = xr.combine_nested(nest(()), concat_dim=names, join="outer", data_vars="all") if names else by_place[()]
    order = [axis for axis in first.study.settings if axis in whole.dims]
    whole = whole.transpose(*order, "seed", "repeat", ..., missing_dims="ignore")
    fixed = {
        k: v
        for k, v in (first.static | first.fixed).items()
        if isinstance(v, int | float | str) and k not in whole.dims
    }
    return whole.assign_attrs({k: int(v) if isinstance(v, bool) else v for k, v in fixed.items()})
