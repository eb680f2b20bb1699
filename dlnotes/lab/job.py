"""A run's identity, its folder, and the steps to finish it."""

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import filelock
import jax

from dlnotes.lab import cost, devices, manifest, processes, source, store
from dlnotes.lab.checkpoint import Checkpoints
from dlnotes.lab.errors import LabError, RunFailed
from dlnotes.lab.execute import Account, Runner, Setting, shape_of
from dlnotes.lab.experiment import Cost, Experiment
from dlnotes.lab.files import sweep_temporaries, writable_folder
from dlnotes.lab.interrupt import Interruption
from dlnotes.lab.lift import Shape
from dlnotes.lab.loading import Loader
from dlnotes.lab.outcome import FIGURE, FILES, MANIFEST, VERDICT, Outcome
from dlnotes.lab.parts import Part, Parts
from dlnotes.lab.plan import Program, study_programs
from dlnotes.lab.progress import Progress
from dlnotes.lab.results import Results, combine
from dlnotes.lab.sealed import digests, unseal
from dlnotes.lab.shares import joined, seed_shares
from dlnotes.lab.verdicts import Verdict


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


class Job:
    """A run's identity, its folder, and the steps to finish it."""

    def __init__(self, experiment: Experiment, preset: str, seeds: int, root: int, runs: Path, progress: Progress):
        self.experiment, self.preset, self.seeds, self.root, self.progress = experiment, preset, seeds, root, progress
        self.loader = Loader()
        self.shapes: dict[tuple[str, tuple[int, ...]], Shape] = {}
        self.digest = source.digest(experiment.path) if experiment.path else source.digest_of_code(experiment)
        self.settings = {name: manifest.settings(study) for name, study in experiment.studies.items()}
        identity = [self.digest, self.settings, seeds, root, experiment.x64, devices.kind(), jax.__version__]
        self.id = f"{preset}-{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]}"
        self.folder = writable_folder(runs / (experiment.name or "unnamed") / self.id)
        self.outcome = Outcome(experiment, self.folder, progress)

    @contextlib.contextmanager
    def lock(self):
        """Keep every other run out of this folder."""
        lock = filelock.FileLock(self.folder / ".lock")
        with processes.together():
            try:
                if processes.first():
                    lock.acquire(timeout=0)
            except filelock.Timeout as error:
                raise LabError(
                    f"another process is running in {self.folder}; wait for it, or name another folder by --runs"
                ) from error
        try:
            with processes.together():
                if not (self.folder / ".lock").exists():
                    raise LabError(
                        f"{self.folder} is not that of process 0: --runs is a folder that all processes share"
                    )
            yield
        finally:
            lock.release()

    def clear(self) -> None:
        """Forget what this run has done."""
        with processes.together():
            if processes.first():
                for name in (MANIFEST, *FILES):
                    (self.folder / name).unlink(missing_ok=True)
        self.tidy()

    def tidy(self) -> None:
        """Remove what only a run under way needs."""
        if processes.first():
            sweep_temporaries(self.folder)
            for name in ("parts", "checkpoints"):
                shutil.rmtree(self.folder / name, ignore_errors=True)

    def finished(self) -> Run | None:
        """The finished run in this folder, judged again; None where there is none, or it is damaged."""
        if not processes.everyone((self.folder / MANIFEST).exists())[0]:
            return None
        damage = None
        try:
            about = unseal((self.folder / MANIFEST).read_bytes())
            results = store.load_results(self.folder, about["files"][store.RESULTS])
        except (LabError, OSError, ValueError) as error:
            damage = error if isinstance(error, LabError) else f"{self.folder / MANIFEST} cannot be used ({error})"
        if processes.everyone(damage is not None).any():
            self.progress.note(f"{damage or f'{self.folder} cannot be read by another process'}: running it again")
            self.clear()
            return None
        self.tidy()
        verdicts = self.outcome.judge(results)
        with processes.together():
            if processes.first() and digests(self.folder, FILES) != about["files"]:
                self.progress.note(f"{VERDICT} or {FIGURE} in {self.folder} is lost or damaged: written again")
                self.outcome.show(verdicts, results)
                self.outcome.sign(about)
        return Run(results, verdicts, about, self.folder, reused=True)

    def execute(self, group: int | None) -> Run:
        """Run what is not yet done, then judge, draw and store."""
        began, started = time.perf_counter(), manifest.now()
        accounts: list[tuple[Program, Account]] = []
        if processes.first():
            sweep_temporaries(self.folder)
        with Interruption(self.progress) as interruption:
            studies = {name: self.study(name, group, interruption, accounts) for name in self.experiment.studies}
        results = Results(studies)
        with processes.together():
            verdicts = self.outcome.conclude(results)
        about = self.manifest(accounts, started, time.perf_counter() - began)
        with processes.together():
            if processes.first():
                self.outcome.sign(about)
        self.tidy()
        return Run(results, verdicts, about, self.folder, reused=False)

    def study(self, name: str, group: int | None, interruption: Interruption, accounts: list):
        """The combined Dataset of one study."""
        study = self.experiment.studies[name]
        programs = study_programs(name, study)
        parts = Parts(self.folder / "parts" / name, self.progress)
        if isinstance(study, Cost):
            done = parts.read_all(programs) or self.costs(parts, programs, interruption)
        else:
            done = [self.kept(parts, p, partial(self.trials, p, group, interruption), interruption) for p in programs]
        accounts += [(program, part.account) for program, part in zip(programs, done, strict=True)]
        return combine([(program, part.dataset) for program, part in zip(programs, done, strict=True)])

    def kept(self, parts: Parts, program: Program, run: Callable[[], Part], interruption: Interruption) -> Part:
        """A program's part, read or run; a signal that came meanwhile stops here, when the part is kept."""
        part = parts.read(program) or parts.write(program, run())
        if interruption.agreed():
            interruption.stop(program.label)
        return part

    def costs(self, parts: Parts, programs: list[Program], interruption: Interruption) -> list[Part]:
        """Measure a cost study: on the first process, while the others wait and then read."""
        found: list[Part] = []
        with processes.together():
            if processes.first():
                found = self.measure(programs, interruption)
                parts.save_all(programs, found)
        return found or [part for program in programs if (part := parts.load(program))]

    def trials(self, program: Program, group: int | None, interruption: Interruption) -> Part:
        """Run one program of a study: all seeds together or, where memory is short, share by share."""
        runner = self.runner(program, range(self.seeds), group, interruption)
        shares = seed_shares(runner)
        if len(shares) == 1:
            return self.run(runner)
        self.progress.note(f"{program.label}: memory does not hold all trials: {len(shares[0])} seeds at a time")
        parts = []
        for seeds in shares:
            own = Parts(self.folder / "parts" / program.study_name / f"{seeds.start}-{seeds.stop}", self.progress)
            run = partial(self.trials_of, program, seeds, group, interruption)
            parts.append(self.kept(own, program, run, interruption))
        return joined(program, parts)

    def trials_of(self, program: Program, seeds: range, group: int | None, interruption: Interruption) -> Part:
        """Run some seeds of a program."""
        return self.run(self.runner(program, seeds, group, interruption))

    def runner(self, program: Program, seeds: range, group: int | None, interruption: Interruption) -> Runner:
        """What runs some seeds of a program."""
        share = "" if len(seeds) == self.seeds else f" seeds {seeds.start}-{seeds.stop}"
        name = "-".join(map(str, program.place or (0,))) + share
        checkpoints = Checkpoints(self.folder / "checkpoints" / program.study_name / name, self.progress)
        key = f"{self.digest} {self.settings[program.study_name]} {devices.describe()} {jax.__version__}"
        setting = Setting(seeds, self.root, group, checkpoints, interruption, self.progress, key)
        return Runner(program, self.shape(program), self.loader.data(program), setting)

    def shape(self, program: Program) -> Shape:
        """What a trial of the program shows, traced once for the rehearsal and the run."""
        place = program.study_name, program.place
        if place not in self.shapes:
            self.shapes[place] = shape_of(program, self.loader.data(program))
        return self.shapes[place]

    def run(self, runner: Runner) -> Part:
        """Run it, watched."""
        program = runner.program
        self.progress.program(program.study_name, program.label, runner.trials, runner.shape.steps)
        with device_errors(program.label):
            return Part(*runner.run())

    def measure(self, programs: list[Program], interruption: Interruption) -> list[Part]:
        """Measure a cost study."""
        self.progress.program(programs[0].study_name, programs[0].study_name, len(programs), programs[0].repeats)
        with device_errors(programs[0].study_name):
            datasets, compiling, running = cost.measure(programs, self.root, interruption, self.progress)
        share = len(programs)
        return [Part(dataset, Account(compiling / share, running / share)) for dataset in datasets]

    def manifest(self, accounts: list[tuple[Program, Account]], started: str, total: float) -> dict[str, Any]:
        """Everything about the run but its numbers."""
        bad = [entry for program, account in accounts for entry in manifest.not_finite(program, account, self.seeds)]
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
            "started": started,
            "ended": max(started, manifest.now()),  # the clock may have been set back
            **manifest.costs(accounts, total),
            "non_finite": bad,
        }


@contextlib.contextmanager
def device_errors(label: str):
    """What the machine could not do (out of memory, most often) as one line."""
    try:
        yield
    except (jax.errors.JaxRuntimeError, MemoryError) as error:
        reason = next(iter(str(error).splitlines()), "out of memory")
        raise RunFailed(
            f"{label}: {reason}; where memory ran out, a smaller --group or fewer seeds need less"
        ) from error
