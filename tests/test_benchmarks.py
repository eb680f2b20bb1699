"""The runner of benchmarks: a table, records, missing peers by name; and that contestants solve the same problem."""

import json
import sys
import types
from pathlib import Path

import jax
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def bench(monkeypatch):
    """`benchmarks.__main__`, with one benchmark more: ours adds numbers, `slow` takes its time, `absent` is absent."""
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import __main__ as main
    from benchmarks.measure import Case

    turns = []

    def contestant(name):
        def run():
            turns.append(name)
            return {"sum": np.arange(200_000 if name == "slow" else 20_000).sum()}

        return lambda: run

    def absent():
        raise ImportError("No module named 'absent'")

    tiny = types.ModuleType("benchmarks.tiny", "A tiny benchmark.")
    everyone = {"dlnotes": contestant("dlnotes"), "slow": contestant("slow"), "absent, too": absent}
    tiny.cases = lambda quick: [Case("adding", {"n": 1 if quick else 2}, everyone)]
    tiny.turns = turns
    monkeypatch.setitem(sys.modules, "benchmarks.tiny", tiny)
    monkeypatch.setattr(main, "names", lambda: ["minimize", "tiny"])
    before = jax.config.jax_enable_compilation_cache
    yield main
    jax.config.update("jax_enable_compilation_cache", before)


def test_what_only_the_first_call_takes_is_compiling(bench, monkeypatch):
    from benchmarks import measure

    clock, calls = [0.0], []
    monkeypatch.setattr(measure, "time", types.SimpleNamespace(perf_counter=lambda: clock[0]))

    def prepare():
        clock[0] += 7.0
        return run

    def run():
        clock[0] += 1.0 if calls else 5.0
        calls.append(1)
        return {"calls": len(calls)}

    (timing,), _ = measure.measure(measure.Case("late", {}, {"dlnotes": prepare}))
    assert (timing.compile_seconds, timing.seconds) == (7.0 + 4.0, 1.0)


def test_a_table_and_records(bench, tmp_path, capsys):
    file = tmp_path / "new" / "records.json"
    for _ in range(2):
        assert bench.main(["tiny", "--quick", "--json", str(file)]) == 0
    text = capsys.readouterr().out
    assert "adding: absent, too is missing (No module named 'absent')" in text
    line = next(line for line in text.splitlines() if " slow " in line).split("  ")
    assert float([cell for cell in line if cell][-2]) > 1.5  # ÷ dlnotes
    kept = json.loads(file.read_text())
    assert [record["contestant"] for record in kept] == ["dlnotes", "slow"] * 2
    first = kept[0]
    assert (first["benchmark"], first["sizes"], first["repeats"]) == ("tiny", {"n": 1}, 5)
    assert first["low"] <= first["seconds"] <= first["high"]
    assert first["versions"]["jax"] == jax.__version__
    assert first["device"]["platform"] == jax.devices()[0].platform
    assert len(first["date"]) == 10


def test_contestants_take_turns_each_after_an_untimed_call(bench):
    tiny = sys.modules["benchmarks.tiny"]
    bench.measure(tiny.cases(True)[0], shortest=0.0, repeats=6)
    warm, untimed, timed = tiny.turns[:4], tiny.turns[4::2], tiny.turns[5::2]
    assert warm == ["dlnotes"] * 2 + ["slow"] * 2
    assert untimed == timed
    turns = list(zip(timed[::2], timed[1::2], strict=True))
    assert len(turns) == 6
    assert set(turns) == {("dlnotes", "slow"), ("slow", "dlnotes")}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tyni"], "no benchmark is called 'tyni'; there are minimize, tiny"),
        (["--repeats", "4"], "--repeats is 5 or more, got 4"),
        (["--quik"], "unrecognized arguments: --quik"),
        (["tiny", "--against", "scipi,slow"], "tiny: no peer is called scipi"),
        (["--device"], "--device wants an accelerator, JAX sees only the CPU; leave it out or install JAX for yours"),
    ],
)
def test_what_is_wrong_is_one_line(bench, capsys, words, message):
    try:
        code = bench.main(words)
    except SystemExit as leaving:
        code = leaving.code
    assert code == 2
    assert capsys.readouterr().err == f"benchmarks: {message}\n"


def test_the_peers_asked_for_are_those_whose_names_begin_so(bench, capsys):
    tiny = sys.modules["benchmarks.tiny"]
    assert bench.unknown([tiny], frozenset({"slow", "absent"})) == []
    assert bench.unknown([tiny], frozenset({"abs", "too"})) == ["abs", "too"]
    assert bench.main(["tiny", "--against", "absent"]) == 0
    assert set(tiny.turns) == {"dlnotes"}
    assert "adding: absent, too is missing" in capsys.readouterr().out


def test_memory_is_measured_or_told_and_may_not_suffice(bench, capsys):
    from benchmarks.measure import Case
    from benchmarks.table import table

    def too_large():
        raise MemoryError("no room for 8 TB\nin detail")

    everyone = {"dlnotes": too_large, "peer": lambda: lambda: {"memory": 3e6, "n": 1}, "other": lambda: dict}
    timings, missing = bench.measure(Case("filling", {}, everyone))
    assert [(each.contestant, each.reason) for each in missing] == [("dlnotes", "no room for 8 TB")]
    assert [timing.outcome for timing in timings] == [{"n": 1.0}, {}]
    assert timings[0].memory == 3_000_000
    lines = [line.split() for line in table(timings).splitlines()]
    assert lines[1][-4:] == ["3", "MB", "–", "n=1"]
    assert bench.measure(Case("filling", {}, {"dlnotes": too_large}))[0] == []


def test_on_an_accelerator_records_are_kept_in_its_file(bench, tmp_path, monkeypatch, capsys):
    h200 = {"platform": "gpu", "kind": "NVIDIA H200", "count": 1, "hosts": 1}
    monkeypatch.setattr(bench.devices, "describe", lambda: h200)
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    sys.modules["benchmarks.tiny"].conclude = lambda timings: [t._replace(outcome={"more": 1.0}) for t in timings]
    assert bench.main(["tiny", "--device", "--quick"]) == 0
    assert "dlnotes run headline --preset full" in capsys.readouterr().out
    (file,) = (tmp_path / "results").iterdir()
    assert file.name == "gpu-nvidia-h200-1.json"
    kept = json.loads(file.read_text())
    assert [(record["device"], record["outcome"]) for record in kept] == [(h200, {"more": 1.0})] * 2
    assert kept[0]["memory"] >= 0
    assert bench.file_name({"platform": "cpu", "kind": "cpu", "count": 2}) == "cpu-2.json"


def test_everyone_minimizes_the_same_function(bench, float64):
    from benchmarks import minimize

    case = next(case for case in minimize.cases(True) if case.name.startswith("l-bfgs"))
    ends = {name: prepare()() for name, prepare in case.contestants.items()}
    assert set(ends) == {"dlnotes", "scipy", "optax"}
    assert all(np.all(end["solved"]) for end in ends.values())
    steps = [float(np.mean(end["steps"])) for end in ends.values()]
    assert max(steps) < 1.3 * min(steps)
