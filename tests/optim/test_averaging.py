"""Averages of parameters against closed forms and Optax's of values; copies at chosen steps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlnotes.optim import schedules
from dlnotes.optim.averaging import average_params, keep_snapshots, newest_weight

STEPS = np.random.default_rng(0).normal(size=(30, 3))
START = np.array([5.0, -1.0, 2.0])
POINTS = START + np.cumsum(STEPS, 0)


def walk(method, steps=STEPS):
    """The state after walking along these steps."""

    def step(carry, u):
        x, state = carry
        passed, state = method.update({"w": u}, state, {"w": x})
        return (x + passed["w"], state), None

    start = jnp.asarray(START)
    return jax.lax.scan(step, (start, method.init({"w": start})), jnp.asarray(steps))[0][1]


def test_the_plain_mean_of_all_points(float64):
    np.testing.assert_allclose(walk(average_params()).average["w"], POINTS.mean(0), rtol=1e-12)
    np.testing.assert_allclose(walk(average_params(start=22)).average["w"], POINTS[22:].mean(0), rtol=1e-12)
    np.testing.assert_allclose(walk(average_params(start=99)).average["w"], POINTS[-1], rtol=1e-12)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
def test_the_exponential_average_is_the_corrected_one_of_optax(float64, decay):
    ema = optax.ema(decay)
    want = jax.lax.scan(lambda s, x: ema.update(x, s)[::-1], ema.init(jnp.zeros(3)), jnp.asarray(POINTS))[1]
    for n in (1, 2, 30):
        got = walk(average_params(decay), STEPS[:n]).average["w"]
        np.testing.assert_allclose(got, want[n - 1], rtol=1e-9)
    ages = np.arange(29, -1, -1.0)
    closed = decay**ages @ POINTS / (decay**ages).sum()
    np.testing.assert_allclose(got, closed, rtol=1e-9)


def test_the_newest_weight_has_its_limits():
    t = jnp.array([1, 2, 10, 1000])
    np.testing.assert_allclose(newest_weight(t, 1.0), 1 / np.asarray(t), rtol=1e-6)
    np.testing.assert_allclose(newest_weight(t, 0.9), 0.1 / (1 - 0.9 ** np.asarray(t)), rtol=1e-5)
    np.testing.assert_allclose(newest_weight(t[:3], 0.99999), newest_weight(t[:3], 1.0), rtol=1e-4)
    assert np.isfinite(jax.vmap(jax.grad(lambda b: newest_weight(3, b)))(jnp.array([0.0, 0.5, 1.0]))).all()


def test_kinds_of_average_are_data(float64):
    decays, starts, traced = jnp.array([1.0, 0.9, 0.5, 1.0]), jnp.array([0, 0, 3, 7]), []

    def one(decay, start):
        traced.append(1)
        return walk(average_params(decay, start)).average["w"]

    together = jax.jit(jax.vmap(one))(decays, starts)
    assert len(traced) == 1
    alone = [one(float(d), int(s)) for d, s in zip(decays, starts, strict=True)]
    np.testing.assert_allclose(together, alone, rtol=1e-10)


def test_averaging_calms_noise_that_plain_descent_keeps():
    """On ½x² with gradient noise the mean of n points has about 1/n of their variance times (1 + r)/(1 − r)."""
    noise = np.random.default_rng(1).normal(size=(2000, 200)).astype(np.float32)
    method = optax.chain(optax.sgd(0.5), average_params(start=50))

    def step(carry, e):
        x, state = carry
        updates, state = method.update(x + e, state, x)
        return (x + updates, state), None

    x = jnp.zeros(200)
    (x, state), _ = jax.lax.scan(step, (x, method.init(x)), noise)
    spread = 0.5**2 / (1 - 0.5**2)  # of x ← ½x − ½e
    assert np.var(x) == pytest.approx(spread, rel=0.3)
    assert np.var(state[1].average) == pytest.approx(spread * 3 / 1950, rel=0.3)


@pytest.mark.parametrize("make", [lambda: average_params(0.9), lambda: keep_snapshots([2])])
def test_updates_pass_as_they_are(make):
    method, u = make(), {"w": jnp.array([0.1, -3.0])}
    assert method.update(u, method.init(u), u)[0] is u


def test_snapshots_are_the_points_after_these_updates():
    state = walk(keep_snapshots([4, 1, 30, 99]), STEPS)
    np.testing.assert_allclose(state.snapshots["w"][:3], POINTS[[3, 0, 29]], rtol=1e-5)
    np.testing.assert_array_equal(state.snapshots["w"][3], np.float32(START))
    np.testing.assert_array_equal(state.taken, [True, True, True, False])
    assert int(state.count) == 30


def test_snapshots_at_the_ends_of_cycles_are_where_the_rate_is_lowest():
    cycle, rate = 5, schedules.restarted(schedules.cosine(1.0, 5), 5)
    method = optax.chain(optax.sgd(rate), keep_snapshots(cycle * jnp.arange(1, 4)))
    x, rates = jnp.zeros(()), np.array([rate(c) for c in range(15)])
    state, points = method.init(x), []
    for _ in range(15):
        updates, state = method.update(jnp.ones(()), state, x)
        x = x + updates
        points.append(float(x))
    np.testing.assert_allclose(state[1].snapshots, np.array(points)[[4, 9, 14]], rtol=1e-6)
    assert (rates[[4, 9, 14]] <= rates.min() + 1e-7).all()


def test_steps_of_snapshots_may_be_traced():
    def taken(at):
        method, x = keep_snapshots(at), jnp.zeros(())
        state = jax.lax.fori_loop(0, 6, lambda i, s: method.update(1.0 * i, s, x + i)[1], method.init(x))
        return state.snapshots

    got = jax.jit(jax.vmap(taken))(jnp.array([[1, 3], [6, 2]]))
    np.testing.assert_array_equal(got, [[0.0, 4.0], [10.0, 2.0]])


@pytest.mark.parametrize("make", [average_params, lambda: keep_snapshots([1])])
def test_without_parameters_they_say_what_they_need(make):
    method = make()
    with pytest.raises(ValueError, match="params"):
        method.update(jnp.ones(1), method.init(jnp.ones(1)))


@pytest.mark.parametrize("steps", [[], 3, [[1]]])
def test_steps_are_a_list(steps):
    with pytest.raises(ValueError, match="at least one"):
        keep_snapshots(steps)
