"""Stopped runs go on: bit for bit the run that was not stopped, whatever happened to its checkpoints."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import filelock
import pytest

from dlnotes import lab
from dlnotes.lab import execute
from dlnotes.lab.discover import load
from dlnotes.lab.errors import Interrupted, LabError, RunFailed
from dlnotes.lab.progress import Progress

BOWL = Path(__file__).parent / "examples" / "bowl.py"


class Watcher(Progress):
    """Keeps notes and presses Ctrl-C once `stop_at` steps of a program are done."""

    def __init__(self, stop_at=None):
        self.stop_at, self.notes = stop_at, []

    def note(self, text):
        self.notes.append(text)

    def advance(self, done, total):
        if self.stop_at is not None and done >= self.stop_at:
            self.stop_at = None
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def bowl(monkeypatch):
    """The bowl in calls of five steps."""

    def five(self):
        self.steps, self.learn = 5, lambda *_: None

    monkeypatch.setattr(execute.Pace, "__init__", five)
    experiment = load(BOWL)
    return replace(
        experiment, studies={"descent": experiment.studies["descent"]}, predictions=(), draw=None, presets={}
    )


@pytest.fixture
def reference(bowl, tmp_path):
    return lab.run(bowl, seeds=2, runs=tmp_path / "reference").results


@pytest.fixture
def often(monkeypatch):
    """A checkpoint after every call."""
    monkeypatch.setenv("DLNOTES_CHECKPOINT_SECONDS", "0")


def stop(bowl, folder, at=35):
    """Start a run and press Ctrl-C in it; returns its folder."""
    with pytest.raises(Interrupted, match=r"stopped in descent, width=3 at step 35 of 60; .* the same command goes on"):
        lab.run(bowl, seeds=2, runs=folder, progress=Watcher(at))
    (manifest_free,) = [p for p in (folder / "bowl").iterdir() if p.is_dir()]
    assert not (manifest_free / "manifest.json").exists()
    return manifest_free


def steps_of(folder):
    """The checkpoints of the program that was stopped, oldest first."""
    return sorted((folder / "checkpoints" / "descent" / "0" / "steps").iterdir(), key=lambda p: int(p.name))


def go_on(bowl, folder, reference, says):
    """Run to the end; the results are the reference's and a note says how it began."""
    watcher = Watcher()
    run = lab.run(bowl, seeds=2, runs=folder, progress=watcher)
    assert run.descent.identical(reference.descent)
    assert any(says in note for note in watcher.notes), watcher.notes
    assert not (run.folder / "checkpoints").exists()
    return watcher.notes


def test_ctrl_c_keeps_what_is_done(often, bowl, reference, tmp_path):
    folder = stop(bowl, tmp_path / "runs")
    assert [p.name for p in steps_of(folder)] == ["30", "35"]
    go_on(bowl, tmp_path / "runs", reference, "going on from step 35")


def test_ctrl_c_at_a_programs_end_keeps_the_program(bowl, reference, tmp_path):
    with pytest.raises(Interrupted, match=r"stopped in descent, width=3; what is done is kept"):
        lab.run(bowl, seeds=2, runs=tmp_path / "runs", progress=Watcher(60))
    go_on(bowl, tmp_path / "runs", reference, "descent, width=3 was finished before")


def test_ctrl_c_is_heard_where_there_are_no_steps(tmp_path):
    class AtDraws(Watcher):
        def program(self, study, label, trials, steps):
            os.kill(os.getpid(), signal.SIGINT)

    experiment = load(BOWL)
    studies = {name: experiment.studies[name] for name in ("draws", "descent")}
    experiment = replace(experiment, studies=studies, predictions=(), draw=None, presets={})
    with pytest.raises(Interrupted, match="stopped in draws; what is done is kept"):
        lab.run(experiment, seeds=2, runs=tmp_path, progress=AtDraws())
    watcher = Watcher()
    lab.run(experiment, seeds=2, runs=tmp_path, progress=watcher)
    assert "draws was finished before" in watcher.notes


def test_a_finished_program_is_not_run_again(bowl, reference, tmp_path):
    class InSecond(Watcher):
        def program(self, study, label, trials, steps):
            self.stop_at = 5 if "width=5" in label else None

    with pytest.raises(Interrupted):
        lab.run(bowl, seeds=2, runs=tmp_path / "runs", progress=InSecond())
    go_on(bowl, tmp_path / "runs", reference, "descent, width=3 was finished before")


def test_a_damaged_part_is_run_again(bowl, reference, tmp_path):
    class InSecond(Watcher):
        def program(self, study, label, trials, steps):
            self.stop_at = 5 if "width=5" in label else None

    with pytest.raises(Interrupted):
        lab.run(bowl, seeds=2, runs=tmp_path / "runs", progress=InSecond())
    (part,) = (tmp_path / "runs").rglob("parts/descent/0.nc")
    flip(part)
    go_on(bowl, tmp_path / "runs", reference, "0.nc is damaged")


def flip(path):
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-3])


def largest(folder):
    return max((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)


@pytest.mark.parametrize("harm", [flip, truncate, lambda path: path.unlink()])
def test_a_damaged_checkpoint_is_named_and_the_one_before_used(often, bowl, reference, tmp_path, harm):
    newest = steps_of(stop(bowl, tmp_path / "runs"))[-1]
    victim = largest(newest)
    harm(victim)
    notes = go_on(bowl, tmp_path / "runs", reference, "going on from step 30")
    (said,) = [note for note in notes if "damaged" in note]
    assert str(newest) in said
    assert victim.name in said


def test_all_checkpoints_damaged_begins_again(often, bowl, reference, tmp_path):
    for checkpoint in steps_of(stop(bowl, tmp_path / "runs")):
        flip(largest(checkpoint))
    notes = go_on(bowl, tmp_path / "runs", reference, "damaged")
    assert not any("going on" in note for note in notes)


def test_a_checkpoint_cut_off_before_its_digest_does_not_count(often, bowl, reference, tmp_path):
    newest = steps_of(stop(bowl, tmp_path / "runs"))[-1]
    (newest.parent.parent / "35.json").unlink()
    go_on(bowl, tmp_path / "runs", reference, "going on from step 30")


def test_of_a_checkpoint_whose_removal_was_cut_off_nothing_is_heard(often, bowl, reference, tmp_path, caplog):
    oldest = steps_of(stop(bowl, tmp_path / "runs"))[0]
    half = oldest.parent / "5"
    half.mkdir()
    (half / "_METADATA").write_bytes((oldest / "default" / "_METADATA").read_bytes())
    go_on(bowl, tmp_path / "runs", reference, "going on from step 35")
    assert not half.exists()
    assert not caplog.records


def test_another_setting_does_not_resume(bowl, tmp_path):
    stop(bowl, tmp_path / "runs")
    watcher = Watcher()
    lab.run(bowl, seeds=3, runs=tmp_path / "runs", progress=watcher)
    assert watcher.notes == []


def test_fresh_begins_again(bowl, reference, tmp_path):
    stop(bowl, tmp_path / "runs")
    watcher = Watcher()
    run = lab.run(bowl, seeds=2, runs=tmp_path / "runs", progress=watcher, fresh=True)
    assert watcher.notes == []
    assert run.descent.identical(reference.descent)


def test_the_second_process_says_so_and_stops(bowl, tmp_path):
    folder = stop(bowl, tmp_path / "runs")
    with filelock.FileLock(folder / ".lock"), pytest.raises(LabError, match="another process is running in"):
        lab.run(bowl, seeds=2, runs=tmp_path / "runs")


def test_a_checkpoint_that_cannot_be_written(often, bowl, reference, tmp_path, monkeypatch):
    import orbax.checkpoint as ocp

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ocp.CheckpointManager, "save", full)
        with pytest.raises(RunFailed, match=r"cannot write a checkpoint in .*No space left"):
            lab.run(bowl, seeds=2, runs=tmp_path / "runs")
    assert lab.run(bowl, seeds=2, runs=tmp_path / "runs").descent.identical(reference.descent)
