"""Disks that fill, files that rot, clocks that are set back, two runs in one folder: told in one line, nothing lost."""

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
import warnings
import zlib
from dataclasses import replace
from pathlib import Path

import jax
import pytest

from dlnotes import lab
from dlnotes.lab import compiled, execute, files, manifest, sealed
from dlnotes.lab.discover import load
from dlnotes.lab.errors import Interrupted, LabError, RunFailed
from dlnotes.lab.progress import Progress
from dlnotes.lab.report.runs import by_experiment, find
from dlnotes.lab.stored import newest_run

ROOT = Path(__file__).resolve().parents[2]
BOWL = ROOT / "tests" / "lab" / "examples" / "bowl.py"
WALK = BOWL.with_name("walk.py")


class Watcher(Progress):
    """Keeps notes, and does something once `step` steps of a program are done."""

    def __init__(self, step=None, act=None, program=""):
        self.step, self.act, self.wanted, self.label, self.notes = step, act, program, "", []

    def program(self, study, label, trials, steps):
        self.label = label

    def note(self, text):
        self.notes.append(text)

    def advance(self, done, total):
        if self.step is not None and done >= self.step and self.wanted in self.label:
            self.step = None
            self.act()


@pytest.fixture(scope="module")
def bowl():
    """What can be run twice with the same bytes: no times are measured."""
    experiment = load(BOWL)
    studies = {name: study for name, study in experiment.studies.items() if name != "product"}
    return replace(experiment, studies=studies, predictions=experiment.predictions[:1], presets={})


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """Calls of five steps, a checkpoint after each."""

    def five(self):
        self.steps, self.learn = 5, lambda *_: None

    monkeypatch.setattr(execute.Pace, "__init__", five)
    monkeypatch.setenv("DLNOTES_CHECKPOINT_SECONDS", "0")


@pytest.fixture(scope="module")
def reference(bowl, tmp_path_factory):
    return lab.run(bowl, seeds=2, runs=tmp_path_factory.mktemp("reference"))


def content(run):
    """The bytes of a finished run's files, its manifest apart."""
    files = [path for path in run.folder.iterdir() if path.name not in ("manifest.json", ".lock")]
    return {path.name: path.read_bytes() for path in files}


def complete(bowl, runs, reference, **options):
    """The same command runs to its end, and to the same bytes; returns what it said."""
    watcher = Watcher()
    run = lab.run(bowl, seeds=2, runs=runs, progress=watcher, **options)
    assert content(run) == content(reference)
    assert sealed.unseal((run.folder / "manifest.json").read_bytes())["seeds"] == 2
    assert {path.name for path in run.folder.iterdir()} == {path.name for path in reference.folder.iterdir()}
    return watcher.notes


def test_the_same_command_gives_the_same_bytes(bowl, reference, tmp_path):
    complete(bowl, tmp_path, reference)
    assert set(content(reference)) == {"results.nc", "verdict.json", "figure.svg"}


# Disks.


@pytest.fixture
def small_files():
    """Within it no file of this process grows beyond some bytes: the system refuses it as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_checkpoint_that_the_system_refuses_is_one_line(bowl, reference, tmp_path, small_files, capfd):
    small_files(300)
    with pytest.raises(RunFailed, match=r"^cannot write a checkpoint in .*/descent/0: [^:]*File too large; mend it"):
        lab.run(bowl, seeds=2, runs=tmp_path)
    small_files(resource.RLIM_INFINITY)
    assert capfd.readouterr().err == ""
    complete(bowl, tmp_path, reference)


def test_each_file_that_the_disk_has_no_room_for_is_named(bowl, reference, tmp_path, monkeypatch):
    flush = os.fsync
    for name in ("30.json", "0.nc", "0.json", "results.nc", "verdict.json", "figure.svg", "manifest.json"):

        def full(handle, name=name):
            if f"/.{name}." in os.readlink(f"/proc/self/fd/{handle}"):  # noqa: PTH115
                raise OSError(28, "No space left on device")
            flush(handle)

        monkeypatch.setattr(files.os, "fsync", full)
        with pytest.raises(RunFailed, match=rf"^cannot write \S*/{name}: No space left on device; free the disk or"):
            lab.run(bowl, seeds=2, runs=tmp_path)
        assert not list(tmp_path.rglob("*.tmp"))
    monkeypatch.setattr(files.os, "fsync", flush)
    assert "draws was finished before" in complete(bowl, tmp_path, reference)


def test_a_checkpoint_folder_that_is_lost_under_way(bowl, reference, tmp_path):
    def replace_folder():
        (folder,) = tmp_path.rglob("checkpoints")
        shutil.rmtree(folder)
        folder.write_text("in the way")

    with pytest.raises(
        RunFailed, match=r"^cannot write a checkpoint in .*: .*; mend it and run the same command again"
    ):
        lab.run(bowl, seeds=2, runs=tmp_path, progress=Watcher(20, replace_folder))
    (file,) = tmp_path.rglob("checkpoints")
    file.unlink()
    complete(bowl, tmp_path, reference)


# Rot.


def flip(content, chance):
    """One bit of up to three bytes changed."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


HARMS = {
    "bits flipped": flip,
    "truncated": lambda content, chance: content[: chance.randrange(len(content))],
    "emptied": lambda content, chance: b"",
    "doubled": lambda content, chance: content + content,
    "zeros": lambda content, chance: bytes(len(content)),
    "other JSON": lambda content, chance: chance.choice([b"{}", b"[]", b"null", b"3", b'"word"', b"[" * 100_000]),
}


def harmed(folder, chance):
    """Damage one file at random; returns its path and what was done to it."""
    path = chance.choice(sorted(p for p in folder.rglob("*") if p.is_file() and p.name != ".lock"))
    name = chance.choice(sorted(HARMS))
    before = path.read_bytes()
    after = HARMS[name](before, chance) if before else b"x"
    path.write_bytes(after)
    return f"{path.relative_to(folder)} {name}", before != after


@pytest.fixture(scope="module")
def stopped(bowl, reference, tmp_path_factory):
    """A run stopped in its second program, whose first is finished."""
    runs = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute.Pace, "__init__", lambda self: vars(self).update(steps=5, learn=lambda *_: None))
        patch.setenv("DLNOTES_CHECKPOINT_SECONDS", "0")
        with pytest.raises(Interrupted):
            lab.run(bowl, seeds=2, runs=runs, progress=Watcher(35, lambda: signal_self(), "width=5"))
    return runs


def signal_self():
    os.kill(os.getpid(), 2)


def test_a_stopped_run_goes_on_whatever_has_rotted(bowl, reference, stopped, tmp_path, request):
    for number in range(request.config.getoption("--rot")):
        runs = tmp_path / str(number)
        shutil.copytree(stopped, runs)
        what, changed = harmed(next(runs.rglob("parts")).parent, random.Random(number))
        notes = complete(bowl, runs, reference)
        if changed and "orbax" not in what:
            known = ["damaged" in note or "going on from step 35" in note for note in notes]
            assert any(known), (what, notes)
        shutil.rmtree(runs)


def test_a_finished_run_is_right_or_run_again_whatever_has_rotted(bowl, reference, tmp_path, request):
    for number in range(2 * request.config.getoption("--rot")):
        runs = tmp_path / str(number)
        shutil.copytree(reference.folder.parents[1], runs)
        folder = runs / reference.folder.relative_to(reference.folder.parents[1])
        what, changed = harmed(folder, random.Random(number))
        shown = newest_run(runs, "bowl")
        assert shown is None or shown.counts in (count_of(reference), dict.fromkeys(count_of(reference), 0)), what
        notes = complete(bowl, runs, reference)
        assert bool(notes) == changed, (what, notes)
        shutil.rmtree(runs)


def count_of(run):
    words = [verdict.verdict for verdict in run.verdicts]
    return {word: words.count(word) for word in ("supported", "refuted", "inconclusive")}


# Clocks.


def test_a_clock_that_is_set_back_changes_no_number(bowl, reference, tmp_path, monkeypatch):
    began = time.time()
    hours = iter(range(10**6))
    monkeypatch.setattr(time, "time", lambda: began - 3600 * next(hours))
    days = (f"2026-01-{day:02d}T00:00:00+00:00" for day in range(31, 0, -1))
    monkeypatch.setattr(manifest, "now", lambda: next(days))
    complete(bowl, tmp_path, reference)
    about = json.loads(next(tmp_path.rglob("manifest.json")).read_text())
    assert about["started"] == about["ended"] == "2026-01-31T00:00:00+00:00"


def test_of_runs_that_ended_in_the_same_second_list_and_report_take_the_same(reference, tmp_path):
    for name in ("standard-b", "standard-c", "standard-a"):
        shutil.copytree(reference.folder, tmp_path / "bowl" / name)
    stored, _, _ = find(tmp_path)
    assert newest_run(tmp_path, "bowl").folder == by_experiment(stored)["bowl"][0].folder


# Two at once.


def test_a_second_run_in_the_same_folder_is_told_and_the_first_goes_on(tmp_path):
    words = ["run", str(WALK), "--seeds", "2", "--set", "steps=500", "--runs", str(tmp_path)]
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "PYTHONPATH": str(ROOT)}
    told = []

    def second():
        command = [sys.executable, "-m", "dlnotes", *words]
        told.append(subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False))

    run = lab.run(WALK, seeds=2, overrides={"steps": 500}, runs=tmp_path, progress=Watcher(1, second))
    assert told[0].returncode == 2, told[0].stderr
    last = told[0].stderr.splitlines()[-1]
    assert last.startswith(f"dlnotes: walk: another process is running in {run.folder}; wait for it, or")
    again = lab.run(WALK, seeds=2, overrides={"steps": 500}, runs=tmp_path)
    assert again.reused


# The compilation cache.


def test_half_an_entry_of_the_compilation_cache_is_removed_and_told(tmp_path):
    whole, half = tmp_path / "jit_f-1-cache", tmp_path / "jit_f-2-cache"
    whole.write_bytes(zlib.compress(b"a program" * 100))
    half.write_bytes(zlib.compress(b"a program" * 100)[:-5])
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    watcher = Watcher()
    try:
        with pytest.warns(UserWarning, match="mine"), compiled.mended(watcher):
            warn_thrice()
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
    assert [path.name for path in tmp_path.iterdir()] == [whole.name]
    assert watcher.notes == [
        "jit_f is compiled again: its entry in the cache cannot be read (error: cut)",
        "jit_g is compiled, but not kept for the next time: OSError: full",
    ]


def warn_thrice():
    """As JAX does, and as another does."""
    warnings.warn("Error reading persistent compilation cache entry for 'jit_f': error: cut\noff", stacklevel=2)
    warnings.warn("Error writing persistent compilation cache entry for 'jit_g': OSError: full", stacklevel=2)
    warnings.warn("mine", stacklevel=2)


@pytest.mark.parametrize("given", ["often", "-1", "nan"])
def test_an_interval_that_is_none_is_told(bowl, tmp_path, monkeypatch, given):
    monkeypatch.setenv("DLNOTES_CHECKPOINT_SECONDS", given)
    with pytest.raises(LabError, match=rf"^\$DLNOTES_CHECKPOINT_SECONDS is a number of seconds, .*'{given}'"):
        lab.run(bowl, seeds=2, runs=tmp_path)
