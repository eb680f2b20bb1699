"""The one door to a run: find the experiment, settle its settings, then read what is finished or run what is not."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from dlnotes.lab import compiled, devices, processes, settings, source
from dlnotes.lab.discover import load, resolve
from dlnotes.lab.errors import LabError
from dlnotes.lab.execute import shape_of
from dlnotes.lab.experiment import Experiment
from dlnotes.lab.files import writable_folder
from dlnotes.lab.job import Job, Run, device_errors
from dlnotes.lab.progress import Progress
from dlnotes.lab.rehearse import rehearse


def run(
    experiment: Experiment | str | Path,
    *,
    preset: str = "standard",
    seeds: int | None = None,
    root: int = 0,
    runs: Path | str = "runs",
    group: int | None = None,
    fresh: bool = False,
    progress: Progress | None = None,
    overrides: Mapping[str, Any] | None = None,
    **values: Any,
) -> Run:
    """Run an experiment (a value, a name or a file) for all its seeds and conditions; a finished run is only read.

    `overrides` and further keywords set settings: a number, or a tuple or dict of values for an axis. `group` is how
    many trials run at once on each device (chosen by measuring where not given). The run's folder is below `runs`.
    After `jax.distributed.initialize` all processes call this alike, with one `runs` folder, and each gets the run.
    Raises `LabError` for bad input, `Interrupted` after Ctrl-C (the same call goes on), `RunFailed` where a run broke.
    """
    devices.configure()
    progress = progress or Progress()
    with processes.together():
        experiment = found(experiment)
        resolved, count = settings.apply(experiment, preset, {**(overrides or {}), **values}, seeds)
        job = Job(resolved, preset, count, root, writable_folder(Path(runs)), progress)
    processes.same("what they run", job.id)
    mended = compiled.mended(progress)
    with job.lock(), jax.enable_x64(experiment.x64), mended, device_errors(experiment.name):
        if fresh:
            job.clear()
        finished = job.finished()
        if finished is not None:
            return finished
        job.loader.load_all(job.experiment)
        with processes.together():
            try_predictions(job, experiment)
        return job.execute(group)


def try_predictions(job: Job, experiment: Experiment) -> None:
    """Raise `LabError` where a prediction fits neither these settings nor the standard ones."""
    try:
        rehearse(job.experiment, job.shape)
    except LabError:
        standard, _ = settings.apply(experiment)
        rehearse(standard, lambda program: shape_of(program, job.loader.data(program)))


def found(what: Experiment | str | Path) -> Experiment:
    """The experiment itself, or the one a name or path means; one made in a script is named after its file."""
    if not isinstance(what, Experiment):
        entries = resolve([str(what)])
        if len(entries) != 1:
            raise LabError(f"{what!r} names {len(entries)} experiments; run them one at a time")
        return load(entries[0])
    if what.path is None:
        path = source.file_of(next(iter(what.studies.values())).function)
        if path.is_file():
            return replace(what, path=path.resolve(), name=what.name or resolve([str(path)])[0].name)
    return what
