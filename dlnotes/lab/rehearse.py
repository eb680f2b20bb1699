"""A rehearsal: predictions are tried on invented results of the right shape, so that a slip shows before a long run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from dlnotes.lab import lift
from dlnotes.lab.blame import blame
from dlnotes.lab.errors import LabError
from dlnotes.lab.experiment import Cost, Experiment
from dlnotes.lab.plan import Program, study_programs
from dlnotes.lab.predictions import judge
from dlnotes.lab.results import Results, combine, cost_dataset, trials_dataset

SEEDS = range(2)


def rehearse(experiment: Experiment, shape_of: Callable[[Program], lift.Shape]) -> None:
    """Judge every prediction on invented results; raises `LabError` where one does not fit, naming what there is."""
    if not experiment.predictions:
        return
    studies = {name: invent(name, study, shape_of) for name, study in experiment.studies.items()}
    results = Results({name: dataset for name, dataset in studies.items() if dataset is not None})
    for prediction in experiment.predictions:
        try:
            judge([prediction], results)
        except LabError as error:
            if is_slip(error) and len(results) == len(studies):
                raise
        except (ArithmeticError, TypeError, RuntimeError):
            continue  # numbers drawn at random need not suit a fit or a root search: the real ones will tell
        except Exception:
            with blame(experiment.path or Path(experiment.name), f"prediction {prediction.id}"):
                raise


def is_slip(error: LabError) -> bool:
    """Whether an effect asked for a name or a dimension that is not there, and not merely for other numbers."""
    cause = error.__cause__
    return not isinstance(cause, ValueError | IndexError) or "dimension" in str(cause).lower()


def invent(name: str, study: Any, shape_of: Callable[[Program], lift.Shape]) -> xr.Dataset | None:
    """A Dataset as the study would give, its numbers drawn at random; None for a cost study that only runs for real."""
    programs = study_programs(name, study)
    make = invent_cost if isinstance(study, Cost) else invent_trials
    found = [make(program, shape_of) for program in programs]
    parts = [(program, dataset) for program, dataset in zip(programs, found, strict=True) if dataset is not None]
    return combine(parts) if len(parts) == len(programs) else None


def invent_trials(program: Program, shape_of: Callable[[Program], lift.Shape]) -> xr.Dataset:
    """The Dataset of one program of trials."""
    shape = shape_of(program)
    trials = program.conditions * len(SEEDS)
    records = {k: drawn((len(shape.stops), trials, *v.shape), v.dtype) for k, v in shape.records.items()}
    measures = {k: drawn((trials, *v.shape), v.dtype) for k, v in shape.measures.items()}
    return trials_dataset(program, SEEDS, shape.stops, records, measures)


def invent_cost(program: Program, _: Callable[[Program], lift.Shape]) -> xr.Dataset | None:
    """The Dataset of one computation, its own outputs found by tracing."""

    def outputs(key):
        function, arguments = program.study.function(key, **program.static)
        return function(*arguments)

    try:
        found = jax.eval_shape(outputs, jax.random.key(0))
    except Exception:
        return None  # `measure` prepares its arguments on the host and cannot be traced, or it fails when it is run
    named = found if isinstance(found, dict) else {}
    own = {k: drawn(v.shape, v.dtype) for k, v in named.items()}
    return cost_dataset(program, drawn((program.repeats,), jnp.dtype(float)), 1.0, 1, own)


def drawn(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Numbers between one half and three halves, ones where integers are wanted."""
    if np.issubdtype(dtype, np.floating):
        return np.random.default_rng(0).uniform(0.5, 1.5, shape).astype(dtype)
    return np.ones(shape, dtype)
