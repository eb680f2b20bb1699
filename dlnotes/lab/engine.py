"""One run: plan, resume or start, execute, judge, draw, store."""

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock
import jax

from dlnotes.lab import cost, devices, settings, source, store
from dlnotes.lab.blame import blame
from dlnotes.lab.checkpoint import Checkpoints
from dlnotes.lab.discover import load, resolve
from dlnotes.lab.errors import LabError
from dlnotes.lab.execute import Account, Runner, Setting
from dlnotes.lab.experiment import Cost, Experiment
from dlnotes.lab.files import atomic_write, sweep_temporaries, writable_folder
from dlnotes.lab.interrupt import Interruption
from dlnotes.lab.parts import Part, Parts
from dlnotes.lab.plan import Program, study_programs
from dlnotes.lab.predictions import Verdict, judge
from dlnotes.lab.progress import Progress
from dlnotes.lab.results import Results, combine

MANIFEST, VERDICT, FIGURE = "manifest.json", "verdict.json", "figure.svg"
DRAWING_ERRORS = (KeyError, ValueError, IndexError, AttributeError, TypeError)


@dataclass(frozen=True)
class Run:
    """A finished run. Studies are at hand by name: `run.training.loss`."""

    results: Results
    verdicts: tuple[Verdict, ...]
    manifest: dict[str, Any]
    folder: Path
    reused: bool

    def __getattr__(self, name: str) -> Any:
        return getattr(self.results, name)


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
    Raises `LabError` for bad input, `Interrupted` after Ctrl-C (the same call goes on), `RunFailed` where a run broke.
    """
    devices.configure()
    progress = progress or Progress()
    experiment = found(experiment)
    resolved, count = settings.apply(experiment, preset, {**(overrides or {}), **values}, seeds)
    job = Job(resolved, preset, count, root, writable_folder(Path(runs)), progress)
    with job.lock(), jax.enable_x64(experiment.x64):
        if fresh:
            job.clear()
        if (job.folder / MANIFEST).exists():
            finished = job.reuse()
            if finished is not None:
                return finished
        return job.execute(group)


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


class Job:
    """A run's identity, its folder, and the steps to finish it."""

    def __init__(self, experiment: Experiment, preset: str, seeds: int, root: int, runs: Path, progress: Progress):
        self.experiment, self.preset, self.seeds, self.root, self.progress = experiment, preset, seeds, root, progress
        self.digest = source.digest(experiment.path) if experiment.path else source.digest_of_code(experiment)
        self.settings = {name: readable(study.settings) for name, study in experiment.studies.items()}
        identity = [self.digest, self.settings, seeds, root, experiment.x64, devices.describe(), jax.__version__]
        self.id = f"{preset}-{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]}"
        self.folder = writable_folder(runs / (experiment.name or "unnamed") / self.id)

    @contextlib.contextmanager
    def lock(self):
        """Keep every other process out of this run's folder."""
        lock = filelock.FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise LabError(
                f"another process is running in {self.folder}; wait for it, or name another folder by --runs"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def clear(self) -> None:
        """Forget what this run has done."""
        for name in (MANIFEST, VERDICT, FIGURE, store.RESULTS):
            (self.folder / name).unlink(missing_ok=True)
        self.tidy()

    def tidy(self) -> None:
        """Remove what only a run under way needs."""
        sweep_temporaries(self.folder)
        for name in ("parts", "checkpoints"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def reuse(self) -> Run | None:
        """The finished run in this folder, judged again; None where it is damaged."""
        try:
            manifest = json.loads((self.folder / MANIFEST).read_text())
            results = store.load_results(self.folder)
        except (LabError, ValueError) as error:
            self.progress.note(f"{error}: running it again")
            self.clear()
            return None
        self.tidy()
        return Run(
            results, judge(self.experiment.predictions, results, lenient=True), manifest, self.folder, reused=True
        )

    def execute(self, group: int | None) -> Run:
        """Run what is not yet done, then judge, draw and store."""
        began, started = time.perf_counter(), now()
        accounts: list[tuple[Program, Account]] = []
        sweep_temporaries(self.folder)
        with Interruption(self.progress) as interruption:
            studies = {name: self.study(name, group, interruption, accounts) for name in self.experiment.studies}
        results = Results(studies)
        store.save_results(self.folder, results)
        verdicts = judge(self.experiment.predictions, results, lenient=True)
        atomic_write(self.folder / VERDICT, verdict_file(self.experiment.name, verdicts))
        self.draw(results)
        manifest = self.manifest(accounts, started, time.perf_counter() - began)
        atomic_write(self.folder / MANIFEST, json.dumps(manifest, indent=1))
        self.tidy()
        return Run(results, verdicts, manifest, self.folder, reused=False)

    def study(self, name: str, group: int | None, interruption: Interruption, accounts: list):
        """The combined Dataset of one study."""
        study = self.experiment.studies[name]
        programs = study_programs(name, study)
        parts = Parts(self.folder / "parts" / name, self.progress)
        if isinstance(study, Cost):
            done = parts.read_all(programs) or parts.write_all(programs, self.measure(programs, interruption))
        else:
            done = [parts.read(p) or parts.write(p, self.trials(p, group, interruption)) for p in programs]
        accounts += [(program, part.account) for program, part in zip(programs, done, strict=True)]
        return combine([(program, part.dataset) for program, part in zip(programs, done, strict=True)])

    def trials(self, program: Program, group: int | None, interruption: Interruption) -> Part:
        """Run one program of a study."""
        data = None if program.study.data is None else load_data(program)
        folder = self.folder / "checkpoints" / program.study_name / "-".join(map(str, program.place or (0,)))
        key = f"{self.digest} {self.settings[program.study_name]} {devices.describe()} {jax.__version__}"
        setting = Setting(
            self.seeds, self.root, group, Checkpoints(folder, self.progress), interruption, self.progress, key
        )
        with blame(source.file_of(program.study.function)):
            runner = Runner(program, data, setting)
        self.progress.program(program.study_name, program.label, runner.trials, runner.shape.steps)
        return Part(*runner.run())

    def measure(self, programs: list[Program], interruption: Interruption) -> list[Part]:
        """Measure a cost study."""
        self.progress.program(programs[0].study_name, programs[0].study_name, len(programs), programs[0].study.repeats)
        datasets, compiling, running = cost.measure(programs, self.root, interruption, self.progress)
        share = len(programs)
        return [Part(dataset, Account(compiling / share, running / share)) for dataset in datasets]

    def draw(self, results: Results) -> None:
        """Draw and store the figure; what cannot be drawn from these conditions is said, not fatal."""
        if self.experiment.draw is None:
            return
        from dlnotes.lab import figures

        try:
            svg = figures.to_svg(self.experiment.draw(results))
        except DRAWING_ERRORS as error:
            self.progress.note(f"no figure: draw does not fit these results ({type(error).__name__}: {error})")
            return
        atomic_write(self.folder / FIGURE, svg)

    def manifest(self, accounts: list[tuple[Program, Account]], started: str, total: float) -> dict[str, Any]:
        """Everything about the run but its numbers."""
        compiling, running = (sum(getattr(a, k) for _, a in accounts) for k in ("compile_seconds", "run_seconds"))
        steps = sum(account.trial_steps for _, account in accounts)
        return {
            "experiment": self.experiment.name,
            "question": self.experiment.question,
            "run_id": self.id,
            "preset": self.preset,
            "settings": self.settings,
            "seeds": self.seeds,
            "root": self.root,
            "source": {"path": source.shown(self.experiment.path), "sha256": self.digest},
            "git": source.git_state(),
            "versions": source.versions(),
            "device": devices.describe(),
            "seconds": {"compile": round(compiling, 3), "run": round(running, 3), "total": round(total, 3)},
            "steps_per_second": round(steps / running, 1) if steps else None,
            "started": started,
            "ended": now(),
            "programs": [described(program, account) for program, account in accounts],
            "non_finite": [
                entry for program, account in accounts for entry in not_finite(program, account, self.seeds)
            ],
        }


def load_data(program: Program) -> Any:
    """The study's data, loaded with those of its settings that the loader takes."""
    import inspect

    wanted = inspect.signature(program.study.data).parameters
    try:
        return program.study.data(**{k: v for k, v in program.static.items() if k in wanted})
    except (ValueError, OSError) as error:
        raise LabError(f"{program.label}: {error}") from error


def described(program: Program, account: Account) -> dict[str, Any]:
    """A program's line in the manifest."""
    return {
        "study": program.study_name,
        "static": readable(program.static),
        "trials": account.trials,
        "group": account.group,
        "compile_seconds": round(account.compile_seconds, 3),
        "run_seconds": round(account.run_seconds, 3),
        "trial_steps": account.trial_steps,
    }


def not_finite(program: Program, account: Account, seeds: int) -> list[dict[str, Any]]:
    """Where trials stopped being finite: for each condition how many, and the first step."""
    found = []
    for condition in range(program.conditions if account.first_bad else 0):
        bad = [b for b in account.first_bad[condition * seeds : (condition + 1) * seeds] if b >= 0]
        if bad:
            labels = readable(program.condition_labels(condition))
            found.append(
                {
                    "study": program.study_name,
                    "condition": labels,
                    "trials": len(bad),
                    "of": seeds,
                    "first_step": min(bad),
                }
            )
    return found


def readable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON: arrays and tuples become lists."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(k): plain(v) for k, v in value.items()}
        if isinstance(value, tuple | list):
            return [plain(v) for v in value]
        return value.tolist() if hasattr(value, "tolist") else value

    return {k: plain(v) for k, v in values.items()}


def verdict_file(name: str, verdicts: tuple[Verdict, ...]) -> str:
    """The text of verdict.json."""
    return json.dumps({"experiment": name, "predictions": [verdict.to_dict() for verdict in verdicts]}, indent=1)


def now() -> str:
    """The time in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
