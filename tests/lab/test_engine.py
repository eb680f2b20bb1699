"""The engine: every way to run a trial gives the same numbers, and the numbers are those of the trial."""

import json
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from dlnotes import lab
from dlnotes.lab import execute, grouping, lift, shares, source
from dlnotes.lab.discover import load
from dlnotes.lab.errors import LabError, RunFailed
from dlnotes.lab.progress import Progress

BOWL = Path(__file__).parent / "examples" / "bowl.py"


@pytest.fixture(scope="module")
def bowl():
    return load(BOWL)


@pytest.fixture(scope="module")
def whole(bowl, tmp_path_factory):
    """The bowl in the usual way."""
    return lab.run(only(bowl, "descent"), seeds=5, runs=tmp_path_factory.mktemp("whole"))


def only(experiment, *studies, **changes):
    """An experiment with some of its studies and no predictions."""
    kept = {name: study for name, study in experiment.studies.items() if name in studies}
    return replace(experiment, studies=kept, predictions=(), draw=None, presets={}, **changes)


def by_hand(rate, width, seed, steps):
    """The bowl's descent in a Python loop: losses, final state."""
    key = jax.random.fold_in(jax.random.key(0), seed)
    trial = load(BOWL).studies["descent"].trial(key, rate=jnp.float32(rate), width=width, steps=steps, every=1)
    state, losses = trial.init(), []
    for t in range(steps):
        state, metrics = trial.step(state, t)
        losses.append(metrics["loss"])
    return np.array(losses), np.array(state["x"])


class Recorder(Progress):
    """Keeps what the engine says."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def same(a: lab.Results, b: lab.Results, study: str = "descent") -> bool:
    """Bit for bit."""
    return bool(a[study].identical(b[study]))


def test_results_are_the_trials(whole):
    dataset = whole.descent
    assert dataset.loss.dims == ("rate", "width", "seed", "step")
    assert list(dataset.step) == [20, 40, 60]
    for rate, value in (("low", 0.01), ("high", 0.1)):
        for width in (3, 5):
            losses, x = by_hand(value, width, seed=4, steps=60)
            here = dataset.sel(rate=rate, width=width, seed=4)
            np.testing.assert_allclose(here.loss, losses.reshape(3, 20).mean(1), rtol=1e-5)
            np.testing.assert_allclose(here.x[:width], x, rtol=1e-5)
            np.testing.assert_allclose(here.norm.isel(step=-1), np.linalg.norm(x), rtol=1e-5)
    np.testing.assert_array_equal(dataset.t.isel(rate=0, width=0, seed=0), [9.5, 29.5, 49.5])
    np.testing.assert_array_equal(dataset["at"].isel(rate=0, width=0, seed=0), [20, 40, 60])
    assert np.isnan(dataset.x.sel(width=3).isel(unit=slice(3, None))).all()
    assert dataset.attrs["steps"] == 60


def test_arms_are_paired_and_seeds_differ(bowl, tmp_path):
    dataset = lab.run(only(bowl, "draws"), seeds=4, runs=tmp_path).draws
    np.testing.assert_allclose(dataset["mean"].sel(scale=2.0), 2 * dataset["mean"].sel(scale=1.0), rtol=1e-6)
    assert len(np.unique(dataset["mean"].sel(scale=1.0))) == 4


def test_the_same_again_and_another_root(bowl, whole, tmp_path):
    again = lab.run(only(bowl, "descent"), seeds=5, runs=tmp_path)
    assert same(again.results, whole.results)
    assert not again.reused
    assert lab.run(only(bowl, "descent"), seeds=5, runs=tmp_path).reused
    other = lab.run(only(bowl, "descent"), seeds=5, root=1, runs=tmp_path)
    assert not np.isclose(other.descent.final, whole.descent.final).any()


@pytest.mark.parametrize("group", [1, 2, 3])
def test_groups_agree_with_the_whole(bowl, whole, tmp_path, group):
    grouped = lab.run(only(bowl, "descent"), seeds=5, group=group, runs=tmp_path)
    xr.testing.assert_allclose(grouped.descent, whole.descent, rtol=1e-5)
    assert {program["group"] for program in grouped.manifest["programs"]} == {group}


def test_one_device_agrees_with_two(bowl, whole, tmp_path, monkeypatch):
    assert jax.local_device_count() == 2
    one = jax.make_mesh((1,), ("trial",), axis_types=(jax.sharding.AxisType.Auto,), devices=jax.devices()[:1])
    monkeypatch.setattr(execute, "trial_mesh", lambda trials: one)
    alone = lab.run(only(bowl, "descent"), seeds=5, runs=tmp_path)
    xr.testing.assert_allclose(alone.descent, whole.descent, rtol=1e-5)


@pytest.mark.parametrize(("seeds", "devices"), [(1, 1), (2, 2), (3, 2)])
def test_no_more_devices_work_than_there_are_trials(bowl, tmp_path, monkeypatch, seeds, devices):
    used, lifted = set(), lift.lift
    monkeypatch.setattr(lift, "lift", lambda f, mesh, *rest: used.add(mesh.size) or lifted(f, mesh, *rest))
    lab.run(only(bowl, "draws"), seeds=seeds, scale=(1.0,), runs=tmp_path)
    assert used == {devices}


@pytest.mark.parametrize("steps", [1, 7, 1000])
def test_segments_of_any_length_change_no_bit(bowl, whole, tmp_path, monkeypatch, steps):
    def fixed(self):
        self.steps, self.learn = steps, lambda *_: None

    monkeypatch.setattr(execute.Pace, "__init__", fixed)
    pieces = lab.run(only(bowl, "descent"), seeds=5, runs=tmp_path)
    assert same(pieces.results, whole.results)


def test_thinning_that_does_not_divide(bowl, tmp_path):
    dataset = lab.run(only(bowl, "descent"), seeds=1, runs=tmp_path, steps=50, every=20, width=3).descent
    assert list(dataset.step) == [20, 40, 50]
    losses, _ = by_hand(0.1, 3, seed=0, steps=50)
    last = dataset.loss.sel(rate="high", seed=0).isel(step=-1).squeeze()
    np.testing.assert_allclose(last, losses[40:].mean(), rtol=1e-5)


def test_conditions_as_data_share_a_program(bowl, tmp_path):
    traced = []

    def counted(key, *, scale: jax.Array) -> lab.Trial:
        traced.append(scale)
        return bowl.studies["draws"].trial(key, scale=scale)

    counts = []
    for n in (2, 5):
        traced.clear()
        study = lab.Study(counted, {"scale": tuple(float(i) for i in range(1, n + 1))})
        lab.run(lab.Experiment("Means?", {"draws": study}), seeds=2, runs=tmp_path / str(n))
        counts.append(len(traced))
    assert counts[0] == counts[1]


def test_named_tuples_may_be_swept(tmp_path):
    from typing import NamedTuple

    class Pair(NamedTuple):
        a: float
        b: float

    def trial(key, *, pair: jax.Array) -> lab.Trial:
        return lab.Trial(lambda: pair.a + 10 * pair.b, finish=lambda x: {"value": x})

    study = lab.Study(trial, {"pair": {"one": Pair(1.0, 2.0), "two": Pair(3.0, 4.0)}})
    value = lab.run(lab.Experiment("Sums?", {"s": study}), seeds=2, runs=tmp_path).s.value
    np.testing.assert_array_equal(value.sel(pair="two"), [43.0, 43.0])


def test_data_reaches_the_trial_once(tmp_path):
    loads = []

    def loader(n):
        loads.append(n)
        return {"x": np.arange(float(n))}

    def trial(key, data, *, n: int, scale: jax.Array) -> lab.Trial:
        return lab.Trial(lambda: data["x"].sum() * scale, finish=lambda x: {"value": x})

    study = lab.Study(trial, {"n": (3, 4), "scale": (1.0, 2.0)}, data=loader)
    run = lab.run(lab.Experiment("Sums?", {"s": study}), seeds=2, runs=tmp_path)
    assert loads == [3, 4]
    np.testing.assert_array_equal(run.s.value.isel(seed=0), [[3, 6], [6, 12]])


def test_missing_data_is_told_before_anything_runs(bowl, tmp_path):
    def missing():
        raise FileNotFoundError("no file images.gz; put it in the folder data")

    def trial(key, data, *, scale: jax.Array) -> lab.Trial:
        return lab.Trial(lambda: data * scale, finish=lambda x: {"value": x})

    needy = lab.Study(trial, {"scale": 1.0}, data=missing)
    with pytest.raises(LabError, match=r"needy: no file images\.gz"):
        lab.run(lab.Experiment("Data?", {"first": bowl.studies["draws"], "needy": needy}), seeds=2, runs=tmp_path)
    assert not list(tmp_path.rglob("parts"))


def test_cost_is_measured_with_repeats(bowl, tmp_path):
    run = lab.run(only(bowl, "product"), runs=tmp_path)
    dataset = run.results["product"]
    assert dataset.seconds.dims == ("n", "repeat")
    assert dataset.sizes["repeat"] == 12
    assert (dataset.seconds > 0).all()
    assert dataset.bytes.sel(n=64) >= 2 * 64 * 64 * 4 / 2
    a = jax.random.normal(jax.random.key(0), (8, 8))
    np.testing.assert_allclose(dataset.trace.sel(n=8), jnp.trace(a @ a), rtol=1e-5)


def test_what_is_not_finite_is_reported_with_its_step(bowl, tmp_path):
    run = lab.run(only(bowl, "descent"), seeds=3, runs=tmp_path, rate={"fine": 0.1, "wild": 3.0}, width=3)
    (entry,) = run.manifest["non_finite"]
    assert entry["condition"]["rate"] == "wild"
    assert (entry["trials"], entry["of"]) == (3, 3)
    first = [int(np.argmin(np.isfinite(by_hand(3.0, 3, seed, 60)[0]))) for seed in range(3)]
    assert entry["first_step"] == min(first)


def test_float64_where_asked(bowl, tmp_path):
    run = lab.run(only(bowl, "draws", x64=True), seeds=2, runs=tmp_path)
    assert run.draws["mean"].dtype == np.float64
    assert jnp.zeros(()).dtype == np.float32


def test_files_of_a_finished_run(bowl, tmp_path):
    run = lab.run(bowl, preset="quick", runs=tmp_path)
    assert sorted(p.name for p in run.folder.iterdir()) == [
        ".lock",
        "figure.svg",
        "manifest.json",
        "results.nc",
        "verdict.json",
    ]
    manifest = json.loads((run.folder / "manifest.json").read_text())
    assert manifest["experiment"] == "bowl"
    assert manifest["seeds"] == 3
    assert manifest["seconds"]["compile"] > 0
    assert manifest["started"] <= manifest["ended"]
    verdict = json.loads((run.folder / "verdict.json").read_text())
    fields = {"id", "statement", "source", "effect", "low", "high", "margin", "direction", "n_seeds", "p", "verdict"}
    assert fields <= set(verdict["predictions"][0])


def test_a_changed_file_or_setting_is_another_run(bowl, tmp_path):
    changed = tmp_path / "bowl.py"
    changed.write_text(BOWL.read_text().replace("0.1 * jax", "0.2 * jax"))
    copied = tmp_path / "copy" / "bowl.py"
    copied.parent.mkdir()
    copied.write_text(BOWL.read_text())
    assert source.digest(changed) != source.digest(BOWL) == source.digest(copied)
    first = lab.run(only(bowl, "draws"), seeds=2, runs=tmp_path / "runs")
    other = lab.run(only(load(changed), "draws"), seeds=2, runs=tmp_path / "runs")
    more = lab.run(only(bowl, "draws"), seeds=3, runs=tmp_path / "runs")
    assert len({first.folder, other.folder, more.folder}) == 3


def test_the_digest_covers_what_the_file_imports(tmp_path):
    (tmp_path / "beside.py").write_text("from dlnotes.nn import initializers\n")
    (tmp_path / "mine.py").write_text("import beside\nfrom dlnotes.data import images\n")
    files = {path.name for path in source.imported_files(tmp_path / "mine.py", set())}
    assert {"beside.py", "images.py", "initializers.py"} <= files
    before = source.digest(tmp_path / "mine.py")
    (tmp_path / "beside.py").write_text("import math\n")
    assert source.digest(tmp_path / "mine.py") != before


def test_damaged_results_are_run_again(bowl, tmp_path):
    experiment = only(bowl, "draws")
    run = lab.run(experiment, seeds=2, runs=tmp_path)
    content = (run.folder / "results.nc").read_bytes()
    (run.folder / "results.nc").write_bytes(content[: len(content) // 2])
    recorder = Recorder()
    again = lab.run(experiment, seeds=2, runs=tmp_path, progress=recorder)
    assert not again.reused
    assert "results.nc" in recorder.notes[0]
    assert same(again.results, run.results, "draws")


def test_memory_decides_the_group(bowl, tmp_path, monkeypatch):
    monkeypatch.setattr(grouping, "memory_budget", lambda mesh: 1)
    monkeypatch.setattr(grouping, "recall", lambda _: None)
    recorder = Recorder()
    run = lab.run(only(bowl, "descent"), seeds=5, runs=tmp_path, progress=recorder, width=3)
    assert run.manifest["programs"][0]["group"] == 1
    assert "at a time" in recorder.notes[0]


def cramped(monkeypatch, most):
    """A device on which no more than `most` trials find room, whatever XLA said of it before."""
    compile_advance = execute.Runner.compile_advance

    class Program:
        def __init__(self, compiled, group):
            self.compiled, self.group, self.memory_analysis = compiled, group, compiled.memory_analysis

        def __call__(self, *arguments):
            if self.group > most:
                raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes.\nfurther lines")
            return self.compiled(*arguments)

    def compile_for_it(self, group, carry):
        return Program(compile_advance(self, group, carry), group)

    monkeypatch.setattr(execute.Runner, "compile_advance", compile_for_it)


def test_where_memory_runs_out_the_group_is_halved(bowl, whole, tmp_path, monkeypatch):
    monkeypatch.setenv("DLNOTES_CACHE", str(tmp_path / "cache"))
    cramped(monkeypatch, most=1)
    recorder = Recorder()
    run = lab.run(only(bowl, "descent"), seeds=5, runs=tmp_path, progress=recorder)
    xr.testing.assert_allclose(run.descent, whole.descent, rtol=1e-5)
    halved = [note for note in recorder.notes if "no memory left" in note]
    assert [note.rpartition("no memory left for ")[2] for note in halved[:2]] == [
        "5 trials at once: 2",
        "2 trials at once: 1",
    ]
    recorder.notes.clear()
    again = lab.run(only(bowl, "descent"), seeds=5, runs=tmp_path / "again", progress=recorder)
    assert {program["group"] for program in again.manifest["programs"]} == {1}
    assert not recorder.notes


def test_where_one_trial_finds_no_memory_the_error_says_what_helps(bowl, tmp_path, monkeypatch):
    monkeypatch.setenv("DLNOTES_CACHE", str(tmp_path / "cache"))
    cramped(monkeypatch, most=0)
    with pytest.raises(RunFailed, match=r"Out of memory allocating 8 bytes\.; where memory ran out") as failed:
        lab.run(only(bowl, "descent"), seeds=5, runs=tmp_path, width=3)
    assert "\n" not in str(failed.value)


def test_where_memory_is_short_seeds_run_in_shares(bowl, whole, tmp_path, monkeypatch):
    state = (
        4 * 6
    )  # bytes: six numbers of a trial of width 5, two conditions of three seeds, three copies, on two devices
    monkeypatch.setattr(shares, "memory_budget", lambda mesh: state * 2 * 3 * shares.COPIES // 2)
    recorder = Recorder()
    run = lab.run(only(bowl, "descent"), seeds=5, runs=tmp_path, progress=recorder)
    xr.testing.assert_allclose(run.descent, whole.descent, rtol=1e-5)
    assert list(run.descent.seed) == list(range(5))
    assert "descent, width=5: memory does not hold all trials: 3 seeds at a time" in recorder.notes
    assert [program["trials"] for program in run.manifest["programs"]] == [10, 10]
    assert [program["trial_steps"] for program in run.manifest["programs"]] == [600, 600]


def test_shares_that_are_finished_are_not_run_again(bowl, tmp_path, monkeypatch):
    monkeypatch.setattr(shares, "memory_budget", lambda mesh: 1)

    class InThird(Recorder):
        runs = 0

        def program(self, *_):
            self.runs += 1
            if self.runs == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lab.run(only(bowl, "draws"), seeds=4, runs=tmp_path, progress=InThird())
    recorder = InThird()
    run = lab.run(only(bowl, "draws"), seeds=4, runs=tmp_path, progress=recorder)
    assert recorder.runs == 2
    assert len(np.unique(run.draws["mean"].sel(scale=1.0))) == 4


@pytest.mark.parametrize("group", [4, 5])
def test_groups_write_a_trials_state_where_it_was(group):
    """A sweep may take most of the memory there is: no second copy of its states, not even for a moment."""
    mesh = jax.make_mesh((1,), ("trial",), axis_types=(jax.sharding.AxisType.Auto,), devices=jax.devices()[:1])
    carry, start = jnp.ones((64, 10_000)), jnp.arange(64.0)
    expected = jax.vmap(lambda state, start: jnp.sin(jnp.sin(state + start) + start))(carry, start)

    def steps(state, start):
        return jax.lax.fori_loop(0, 2, lambda _, x: jnp.sin(x + start), state), state[0]

    lifted = jax.jit(lift.lift(steps, mesh, group, 2, in_place=True), donate_argnums=0)
    memory = lifted.lower(carry, start).compile().memory_analysis()
    assert memory.alias_size_in_bytes >= carry.nbytes
    assert memory.temp_size_in_bytes < carry.nbytes / 2
    after, first = lifted(carry, start)
    np.testing.assert_allclose(after, expected, rtol=1e-6)
    np.testing.assert_array_equal(first, 1.0)


@pytest.mark.parametrize("most", [1, 3, 1000])
def test_a_step_is_timed_without_what_a_call_takes_besides(monkeypatch, most):
    clock = [0.0]
    monkeypatch.setattr(grouping.time, "perf_counter", lambda: clock[0])

    class OfMost:
        inputs, data, shape = None, None, lift.Shape(most, most, {}, {}, {}, 0)

    def program(carry, inputs, data, window):
        assert list(window[[0, 1, 3]]) == [0, 0, most + 1]
        assert window[2] <= most
        clock[0] += 0.3 * (most > 1) + 0.01 * window[2]

    assert grouping.per_step(OfMost, program, jnp.zeros(3)) == pytest.approx(0.01)


def test_measuring_decides_the_group_and_is_remembered(bowl, tmp_path, monkeypatch):
    monkeypatch.setenv("DLNOTES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(grouping, "CPU_GROUP", 3)
    monkeypatch.setattr(grouping, "OTHERS", {1: 0.0, 64: 0.0})
    monkeypatch.setattr(grouping, "per_step", lambda runner, program, carry: next(times))
    # of 3 trials at a time, then in turns of 1 and 3, of 64 and 1: a slow moment decides nothing
    times = iter([3.0, 9.0, 3.0, 1.0, 3.0, 2.0, 9.0, 2.0, 1.0])
    run = lab.run(only(bowl, "descent"), seeds=8, runs=tmp_path / "a", width=3)
    assert run.manifest["programs"][0]["group"] == 1
    times = iter([])
    again = lab.run(only(bowl, "descent"), seeds=8, runs=tmp_path / "b", width=3)
    assert again.manifest["programs"][0]["group"] == 1


def test_short_runs_on_cpu_take_the_usual_group(bowl, tmp_path, monkeypatch):
    monkeypatch.setenv("DLNOTES_CACHE", str(tmp_path / "cache"))
    run = lab.run(only(bowl, "descent"), seeds=16, runs=tmp_path, width=3)
    assert run.manifest["programs"][0]["group"] == grouping.CPU_GROUP < run.manifest["programs"][0]["trials"] / 2


def broken(**parts):
    def trial(key, *, x: jax.Array) -> lab.Trial:
        return lab.Trial(**{"init": lambda: x, **parts})

    return lab.Experiment("Broken?", {"s": lab.Study(trial, {"x": 1.0})})


@pytest.mark.parametrize(
    ("experiment", "message"),
    [
        (broken(), "must give measures"),
        (broken(step=lambda s, t: (s, {"a": s}), steps=0), "steps and every must be 1 or more"),
        (broken(step=lambda s, t: (jnp.stack([s, s]), {"a": s}), steps=3), "step turned state from float32"),
        (broken(step=lambda s, t: ((s, s), {"a": s}), steps=3), "changed the structure"),
        (broken(step=lambda s, t: (s, {"a": s}), finish=lambda s: {"a": s}, steps=3), "different names"),
    ],
)
def test_trials_that_do_not_fit_together(experiment, message, tmp_path):
    with pytest.raises(LabError, match=message):
        lab.run(experiment, seeds=2, runs=tmp_path)


def test_a_setting_that_a_trial_refuses_is_one_line(tmp_path):
    def folds(key, *, n: int) -> lab.Trial:
        if 120 % n:
            raise ValueError(f"n divides 120, got {n}")
        return lab.Trial(lambda: jax.random.normal(key), finish=lambda x: {"x": x})

    predictions = (lab.Greater("id", "it is", lambda r: r.s.x, source="here"),)
    experiment = lab.Experiment("Refused?", {"s": lab.Study(folds, {"n": 5})}, predictions=predictions)
    with pytest.raises(LabError, match=r"test_engine.py, line \d+: ValueError: n divides 120, got 7") as refused:
        lab.run(experiment, seeds=2, runs=tmp_path, n=7)
    assert "\n" not in str(refused.value)


def test_an_error_in_a_trial_names_its_line(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        '"""Mine?"""\nfrom jax import Array\nfrom dlnotes import lab\n\n'
        "def trial(key, *, x: Array) -> lab.Trial:\n"
        "    return lab.Trial(lambda: x, finish=lambda s: {'a': nothing})\n\n"
        "EXPERIMENT = lab.Experiment(__doc__, {'s': lab.Study(trial, {'x': 1.0})})\n"
    )
    with pytest.raises(LabError, match=r"mine.py, line 6: .*NameError: name 'nothing'"):
        lab.run(file, seeds=2, runs=tmp_path)


def test_a_full_disk_is_one_line_and_loses_nothing(bowl, tmp_path, monkeypatch):
    from dlnotes.lab import files

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(RunFailed, match="No space left on device"):
        lab.run(only(bowl, "draws"), seeds=2, runs=tmp_path)
    monkeypatch.undo()
    assert not list(tmp_path.rglob("*.tmp"))
    assert lab.run(only(bowl, "draws"), seeds=2, runs=tmp_path).draws.sizes["seed"] == 2


def predicting(bowl, effect, tmp_path, **changes):
    prediction = lab.Greater("mine", "something", effect, source="this file")
    experiment = replace(only(bowl, "descent"), predictions=(prediction,))
    return lab.run(experiment, seeds=2, runs=tmp_path, steps=4, every=2, **changes)


@pytest.mark.parametrize(
    ("effect", "message"),
    [
        (lambda r: r.descent.fnal.sel(width=3, rate="low"), "has no attribute 'fnal'|fnal"),
        (lambda r: r.descent.final.sel(width=3), "dimensions .rate, seed"),
        (lambda r: r.descent.final.sel(width=3, rate="lo"), "lo"),
        (lambda r: r.descent.final.sel(width=3).mean("rat"), "rat"),
    ],
)
def test_a_prediction_that_does_not_fit_is_told_before_the_run(bowl, tmp_path, effect, message):
    with pytest.raises(LabError, match=message):
        predicting(bowl, effect, tmp_path)
    assert not list(tmp_path.rglob("results.nc"))


def test_a_prediction_about_conditions_left_out_is_not_tested(bowl, tmp_path):
    run = predicting(bowl, lambda r: r.descent.final.sel(width=5, rate="low"), tmp_path, width=(3,))
    (verdict,) = run.verdicts
    assert verdict.verdict == "inconclusive"
    assert verdict.reason.startswith("not tested")


def test_dims_that_do_not_fit(bowl, tmp_path):
    descent = bowl.studies["descent"]
    bad = {
        "dims names 'y'": {"y": ("unit",)},
        "one name for each": {"x": ("a", "b")},
        "'final' is a measure and a dimension of x": {"x": ("final",)},
    }
    for message, dims in bad.items():
        experiment = replace(only(bowl, "descent"), studies={"descent": replace(descent, dims=dims)})
        with pytest.raises(LabError, match=message):
            lab.run(experiment, seeds=2, runs=tmp_path)


def test_an_effect_that_breaks_names_its_line_and_keeps_the_results(bowl, tmp_path):
    with pytest.raises(RunFailed, match="judging: TypeError"):
        predicting(bowl, lambda r: r.descent.final + None, tmp_path)
    assert list(tmp_path.rglob("results.nc"))


def test_what_the_device_cannot_do_is_one_line(bowl, tmp_path, monkeypatch):
    def full(*_):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 TiB\nmore")

    monkeypatch.setattr(execute.Runner, "run", full)
    with pytest.raises(RunFailed, match=r"draws: RESOURCE_EXHAUSTED.* 1 TiB; where memory ran out"):
        lab.run(only(bowl, "draws"), seeds=2, runs=tmp_path)
