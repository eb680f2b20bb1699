"""Every experiment at toy size: runs, judges, draws, repeats, goes on after a stop; some in another grouping.

Within one test a program is compiled once: runs that compile anew are compared in tests/lab and tests/torture.
"""

import os
import signal
from dataclasses import replace

import jax
import numpy as np
import pytest
import xarray as xr

from dlnotes import lab
from dlnotes.lab import discover, job
from dlnotes.lab.errors import Interrupted
from dlnotes.lab.execute import Runner
from dlnotes.lab.parameters import schema
from dlnotes.lab.progress import Progress

ENTRIES = {entry.name: entry for entry in discover.find_all()}
ALONE = {  # studies batched by rules of their own: convolutions, loops with an end, line searches, solvers
    "normalization/batchnorm_smoothing": ("vgg",),
    "optimization/newton_vs_first_order": ("quadratic", "rosenbrock"),
    "optimization/paths": ("paths",),
    "foundations/ridge_and_lasso": ("directions", "sparsity"),
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
    assert set(ENTRIES) >= set(ALONE)


@pytest.fixture
def compiled_once(monkeypatch):
    """A run uses what another run of the same programs in the same test has traced and compiled."""
    kept, compile_anew = {}, Runner.compile
    shapes, trace_anew = {}, job.shape_of

    def compile_once(self, function, group, mapped, *arguments, in_place=False):
        types = [(leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(arguments)]
        key = self.program.label, function.__qualname__, group, mapped, in_place, str(types)
        if key not in kept:
            kept[key] = compile_anew(self, function, group, mapped, *arguments, in_place=in_place)
        return kept[key]

    def trace_once(program, data):
        if program.label not in shapes:
            shapes[program.label] = trace_anew(program, data)
        return shapes[program.label]

    monkeypatch.setattr(Runner, "compile", compile_once)
    monkeypatch.setattr(job, "shape_of", trace_once)


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("compiled_once")
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
        alone = found if request.config.getoption("--alone") else ALONE.get(name, ())  # all: a third of the time
        if alone:
            single = lab.run(only(experiment, alone), preset="quick", runs=tmp_path / "single", group=1)
            for study in alone:
                agree(found[study], single.results[study], study)


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
