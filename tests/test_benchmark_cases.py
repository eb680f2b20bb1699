"""The benchmarks of updates, of starting and of growth, and how memory is counted, on toy sizes and made-up timings."""

import sys
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
MEGABYTE = 1_000_000


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def timing(case, contestant="dlnotes", seconds=1.0, *, compiling=1.0, memory=None, **sizes):
    from benchmarks.measure import Timing

    return Timing(case, sizes, contestant, seconds, seconds, seconds, compiling, memory, 5, {"loss": 0.0})


def test_a_benchmark_is_a_file_with_cases():
    from benchmarks.__main__ import names

    assert {"growth", "minimize", "start", "updates"} <= set(names())
    assert {"__main__", "measure", "memory", "table"}.isdisjoint(names())


def test_the_rise_of_resident_memory_is_that_of_the_call_and_not_of_an_earlier_one():
    from benchmarks import memory

    for count in (64, 16):
        risen = memory.rise(lambda count=count: np.ones(count * MEGABYTE // 8).sum())
        told = (memory.PROCESS / "clear_refs").exists()  # on Linux
        assert risen == (pytest.approx(count * MEGABYTE, abs=4 * MEGABYTE) if told else None)


def test_a_program_is_asked_for_what_it_reserves_on_all_devices():
    from benchmarks import memory

    mesh = jax.make_mesh((2,), ("trial",), axis_types=(jax.sharding.AxisType.Auto,))
    x = jax.device_put(jnp.ones((500, 1000)), jax.NamedSharding(mesh, jax.P("trial")))
    double = jax.jit(lambda x: 2 * x)
    compiled, in_place = double.lower(x).compile(), jax.jit(lambda x: 2 * x, donate_argnums=0).lower(x).compile()

    def compute(again=False):
        return compute() if again else compiled(x)

    assert memory.programs(lambda: compute()) == [compiled]
    assert memory.reserved(compiled) == x.nbytes
    assert memory.reserved(in_place) == 0
    assert memory.taken(lambda: compute()) >= x.nbytes


def test_a_gpu_of_pytorch_is_asked_for_its_peak(monkeypatch):
    from benchmarks import memory

    cuda = types.SimpleNamespace(
        is_available=lambda: True, reset_peak_memory_stats=lambda: None,
        memory_allocated=lambda: 10, max_memory_allocated=lambda: 10 + 10**12,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))
    assert memory.taken(lambda: None) == 10**12


def test_every_update_is_the_same_as_that_of_its_peers():
    from benchmarks import updates

    pairs = {case.name: case.contestants for case in updates.cases(True) if "optax" in case.contestants}
    assert len(pairs) == 9
    for name, contestants in pairs.items():
        ours, theirs = (contestants[who]()()["bias"] for who in ("dlnotes", "optax"))
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("n", [1000, 10**4, 10**5, 10**6, 10**7, 10**8])
def test_leaves_have_as_many_numbers_as_asked_for(n):
    from benchmarks import updates

    *squares, rest, biases = updates.shapes(n)
    assert sum(np.prod(shape) for shape in (*squares, rest, biases)) == n
    assert biases == (10,)
    assert 0 < rest[0] < n / 4


def test_an_update_is_held_against_the_yardstick():
    from benchmarks import updates

    times = {"dlnotes": 14e-6, "yardstick": 3e-6}
    ours, best = updates.conclude([timing("Adam", who, seconds, parameters=1000) for who, seconds in times.items()])
    assert ours.outcome == pytest.approx({"loss": 0.0, "ns per parameter": 14.0, "bandwidth": 0.5})
    assert best.outcome["bandwidth"] == 1.0


@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_fifty_layers_are_the_program_of_five_where_a_loop_writes_each_out(kind):
    from benchmarks import start

    def length(network):
        step, init = start.descent(network, start.IMAGES[kind])
        return len(jax.jit(step).lower(jax.eval_shape(init)).as_text())

    make = {"dense": start.MLP, "convolutional": start.PlainConvNet}[kind]
    assert length(make(50, 4, 10)) < 1.05 * length(make(5, 4, 10))
    assert length(start.Loop(kind, 10, 4, 10)) > 1.2 * length(start.Loop(kind, 5, 4, 10))


def test_a_process_tells_its_own_memory_and_a_failed_one_is_an_error():
    from benchmarks import start

    small, large = (start.process(["-c", f"x = b'1' * {n} * {MEGABYTE}"])()["memory"] for n in (1, 101))
    assert 90 * MEGABYTE < large - small < 110 * MEGABYTE
    with pytest.raises(start.subprocess.CalledProcessError):
        start.process(["-c", "raise SystemExit(3)"])()


def test_compiling_is_held_against_that_of_fewer_layers():
    from benchmarks import start

    times = [("net", 5, 2.0), ("net", 50, 3.0)]
    found = start.conclude([timing(case, compiling=s, layers=n) for case, n, s in times] + [timing("import")])
    assert [each.outcome.get("compile growth") for each in found] == [1.0, 1.5, None]


def test_exponents_are_those_of_a_power_law_at_the_largest_size():
    from benchmarks import growth

    sizes = (2, 4, 8)
    series = [timing("seeds", seconds=3.0 * n**0.5, memory=n**2 * MEGABYTE, seeds=n, steps=1) for n in sizes]
    few = [timing("devices", devices=n) for n in (1, 2)]
    small = [timing("steps", memory=n, steps=n) for n in sizes]
    *_, end = found = growth.conclude([*few, *small, *series])
    wanted = {"loss": 0.0, "time exponent": 0.5, "memory exponent": 2.0, "time ±": 0.0, "memory ±": 0.0}
    assert end.outcome == pytest.approx(wanted, abs=1e-6)
    assert ["memory exponent" in each.outcome for each in found] == [False] * 7 + [True]
    assert "time exponent" in found[4].outcome
    assert "time exponent" not in found[1].outcome


def test_trials_on_one_device_are_those_on_two():
    from benchmarks import growth

    one, two = (growth.trials(seeds=3, steps=2, width=4, devices=n)()["loss"] for n in (1, 2))
    np.testing.assert_allclose(one, two[:3], rtol=1e-5)
    assert len(np.unique(one)) == 3
