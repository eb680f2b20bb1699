"""Every experiment at toy size: runs, judges, draws, repeats, goes on after a stop; some in another grouping."""

import os
import signal
from dataclasses import replace

import jax
import numpy as np
import pytest
import xarray as xr

from dlnotes import lab
from dlnotes.lab import discover
from dlnotes.lab.errors import Interrupted
from dlnotes.lab.parameters import schema
from dlnotes.lab.progress import Progress

ENTRIES = {entry.name: entry for entry in discover.find_all()}
ALONE = {  # what is batched by rules of its own: convolutions, loops with an end, line searches, solvers
    "normalization/batchnorm_smoothing",
    "optimization/newton_vs_first_order",
    "optimization/paths",
    "foundations/ridge_and_lasso",
}


class Notes(Progress):
    """Remembers what was said."""

    def __init__(self):
        self.said = []

    def note(self, text):
        self.said.append(text)


class StopEarly(Progress):
    """Presses Ctrl-C in the first program that has steps."""

    pressed = False

    def advance(self, done, total):
        if not self.pressed and done < total:
            self.pressed = True
            os.kill(os.getpid(), signal.SIGINT)


def test_what_runs_alone_is_there():
    assert set(ENTRIES) >= ALONE


@pytest.mark.timeout(900)  # one test, so that its runs share what they compile
@pytest.mark.parametrize("name", ENTRIES)
def test_experiment(name, tmp_path, request):
    whole = runs_judges_and_draws(name, tmp_path / "whole")
    experiment = discover.load(ENTRIES[name])
    found = {name: whole.results[name] for name, study in experiment.studies.items() if isinstance(study, lab.Study)}
    if not found:
        return
    assert seeds_matter(found)
    experiment = only(experiment, found)  # seconds are never the same twice
    with jax.debug_key_reuse(False):  # the same code has been looked through above, which takes time
        again = stopped_and_gone_on(experiment, tmp_path / "again")
        for study, dataset in found.items():
            xr.testing.assert_identical(again.results[study], dataset)
        if name in ALONE or request.config.getoption("--alone"):  # of all it would take a third of the time
            single = lab.run(experiment, preset="quick", runs=tmp_path / "single", group=1)
            for study, dataset in found.items():
                agree(dataset, single.results[study], study)


def runs_judges_and_draws(name, folder):
    """The quick preset, with every prediction fitting what it measures, and its figure."""
    notes = Notes()
    run = lab.run(name, preset="quick", runs=folder, progress=notes)
    assert (run.folder / "figure.svg").stat().st_size > 5000, notes.said
    assert len(run.verdicts) >= 3
    assert not [v.reason for v in run.verdicts if v.reason.startswith("not tested") and "not a valid dim" in v.reason]
    return run


def only(loaded, names):
    """The experiment with these studies alone."""
    studies = {name: study for name, study in loaded.studies.items() if name in names}
    presets = {"quick": {k: v for k, v in loaded.presets["quick"].items() if belongs(k, studies)}}
    return replace(loaded, studies=studies, predictions=(), draw=None, presets=presets)


def belongs(key, studies) -> bool:
    """Whether a preset's key still has a study to go to."""
    study, _, _ = key.rpartition(".")
    if study:
        return study in studies
    return key == "seeds" or any(key in schema(study.function) for study in studies.values())


def seeds_matter(found) -> bool:
    """Whether anything measured differs between two seeds."""
    measures = [
        measure for dataset in found.values() for measure in dataset.data_vars.values() if "seed" in measure.dims
    ]
    return any(not measure.isel(seed=0).equals(measure.isel(seed=1)) for measure in measures)


def stopped_and_gone_on(experiment, folder):
    """Ctrl-C in the middle, and the same command again."""
    watcher = StopEarly()
    try:
        first = lab.run(experiment, preset="quick", runs=folder, progress=watcher)
    except Interrupted:
        assert watcher.pressed
        return lab.run(experiment, preset="quick", runs=folder)
    assert all(program["trial_steps"] <= program["trials"] for program in first.manifest["programs"])
    return first


def agree(dataset, single, study):
    """One trial at a time gives the same numbers, but for rounding.

    Rounding is amplified where training is chaotic or diverges, and in counts: descent with a line search on
    Rosenbrock's valley, one solver of six, tries 787 or 826 points in 500 steps. All else must agree.
    """
    for measure in dataset.data_vars:
        close = np.isclose(single[measure], dataset[measure], rtol=2e-2, atol=1e-4, equal_nan=True)
        assert close.mean() > 0.8, f"{study}.{measure}: {close.mean():.2f} of the numbers agree"
