"""Momentum: each convention against Optax, where they are one method and where not, Nesterov's two forms."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlnotes.maths.test_functions import rosenbrock
from dlnotes.optim.momentum import ACCUMULATED, AVERAGED, HEAVY_BALL, Convention, equivalent_rate, look_ahead, sgd
from dlnotes.optim.schedules import inverse_time

pytestmark = pytest.mark.usefixtures("float64")
CONVENTIONS = {"heavy ball": HEAVY_BALL, "accumulated": ACCUMULATED, "averaged": AVERAGED}
RATES = {"constant": 0.01, "decaying": inverse_time(0.03, 0.2)}


def bowl(x):
    return 0.5 * jnp.sum(jnp.array([1.0, 30.0]) * x**2)


def points(method, fun=bowl, start=(1.0, 1.0), steps=60):
    """The points that a method visits, the start first."""
    method = optax.with_extra_args_support(method)

    def step(carry, _):
        x, state = carry
        updates, state = method.update(jax.grad(fun)(x), state, x, value_fn=fun)
        return (optax.apply_updates(x, updates), state), x

    x = jnp.asarray(start)
    return jax.lax.scan(step, (x, method.init(x)), None, length=steps + 1)[1]


def in_optax(convention, rate, momentum, nesterov):
    scale = optax.scale_by_learning_rate(rate)
    if convention == "heavy ball":
        return optax.chain(scale, optax.trace(momentum, nesterov))
    if convention == "accumulated":
        return optax.sgd(rate, momentum, nesterov)
    return optax.chain(optax.scale(1 - momentum), optax.trace(momentum, nesterov), scale)


@pytest.mark.parametrize("rate", RATES.values(), ids=RATES)
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("name", CONVENTIONS)
def test_equals_optax(name, nesterov, rate):
    ours = points(sgd(rate, 0.9, CONVENTIONS[name], float(nesterov)))
    np.testing.assert_allclose(ours, points(in_optax(name, rate, 0.9, nesterov)), rtol=1e-12, atol=1e-15)


def test_the_average_is_optax_ema():
    theirs = optax.chain(optax.ema(0.9, debias=False), optax.scale_by_learning_rate(0.05))
    np.testing.assert_allclose(points(sgd(0.05, 0.9, AVERAGED)), points(theirs), rtol=1e-12, atol=1e-15)


def test_the_first_velocities_are_those_of_ee147():
    g, method = np.array([3.0, -1.0, 0.5]), sgd(0.1, 0.9)
    state, v = method.init(jnp.zeros(())), []
    for each in g:
        step, state = method.update(jnp.asarray(each), state)
        v.append(step)
    want = [-0.1 * g[0], -0.1 * (0.9 * g[0] + g[1]), -0.1 * (0.81 * g[0] + 0.9 * g[1] + g[2])]
    np.testing.assert_allclose(v, want, rtol=1e-14)


@pytest.mark.parametrize("nesterov", [0.0, 1.0])
def test_at_a_constant_rate_three_conventions_are_one(nesterov):
    want = points(sgd(0.01, 0.9, nesterov=nesterov))
    for convention in (ACCUMULATED, AVERAGED):
        got = points(sgd(equivalent_rate(0.01, 0.9, convention), 0.9, convention, nesterov))
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-14)
    assert jnp.abs(points(sgd(0.01, 0.9, AVERAGED)) - want).max() > 0.1  # not at the same rate: ten times shorter


def test_where_the_rate_decays_a_velocity_remembers_the_old_rate():
    rate = RATES["decaying"]
    velocity, accumulated = points(sgd(rate)), points(sgd(rate, 0.9, ACCUMULATED))
    averaged = points(sgd(lambda count: equivalent_rate(rate(count), 0.9), 0.9, AVERAGED))
    np.testing.assert_allclose(averaged, accumulated, rtol=1e-11, atol=1e-14)
    assert jnp.abs(velocity - accumulated).max() > 0.1
    # Once the rate is 0 the heavy ball rolls on; what multiplies by the rate last stands still.
    stop = optax.piecewise_constant_schedule(0.1, {1: 0.0})
    for convention, moves in ((HEAVY_BALL, 0.09), (ACCUMULATED, 0.0), (AVERAGED, 0.0)):
        method = sgd(stop, 0.9, convention)
        state = method.update(jnp.ones(1), method.init(jnp.zeros(1)))[1]
        np.testing.assert_allclose(method.update(jnp.ones(1), state)[0], -moves, atol=1e-15)


def test_steps_along_a_steady_gradient_grow_by_one_over_one_minus_alpha():
    method, g = sgd(0.1, 0.9), jnp.array([2.0])
    step, state = jax.lax.scan(lambda s, _: method.update(g, s)[::-1], method.init(g), None, length=400)[::-1]
    np.testing.assert_allclose(step[[0, -1], 0], [-0.2, -2.0], rtol=1e-12)
    assert int(state.count) == 400


@pytest.mark.parametrize(("fun", "start", "rate"), [(bowl, (1.0, 1.0), 0.02), (rosenbrock, (-1.2, 1.0), 3e-4)])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_looking_ahead_visits_the_points_of_the_change_of_variables(fun, start, rate, decay):
    rates, momentum = inverse_time(rate, decay), 0.9
    theta = points(look_ahead(sgd(rates, momentum), momentum), fun, start, 100)
    ahead = theta[1:] + momentum * jnp.diff(theta, axis=0)
    changed = points(sgd(rates, momentum, nesterov=1.0), fun, start, 100)
    np.testing.assert_allclose(ahead, changed[1:], rtol=1e-9, atol=1e-12)
    assert jnp.abs(theta - changed).max() > 0.01


def test_looking_ahead_is_as_ee147_prints_it():
    theta, v, path = np.array([1.0, 1.0]), np.zeros(2), []
    for _ in range(50):
        path.append(theta)
        v = 0.9 * v - 0.02 * np.array([1.0, 30.0]) * (theta + 0.9 * v)
        theta = theta + v
    np.testing.assert_allclose(points(look_ahead(sgd(0.02), 0.9), steps=49), path, rtol=1e-11, atol=1e-14)


def test_looking_ahead_takes_one_gradient_a_step():
    method, x = look_ahead(sgd(0.02), 0.9), jnp.ones(2)
    lost = jnp.full(2, jnp.nan)  # the gradient at θ, which nobody needs
    updates, state = method.update(lost, method.init(x), x, value_fn=bowl)
    np.testing.assert_allclose(updates, [-0.02, -0.6])
    updates, _ = method.update(lost, state, x, value_fn=bowl)
    np.testing.assert_allclose(updates, 0.9 * np.array([-0.02, -0.6]) - 0.02 * np.array([0.982, 0.46 * 30]))


def test_without_the_function_it_says_what_it_needs():
    method = look_ahead(sgd(0.1), 0.9)
    with pytest.raises(ValueError, match="value_fn=f"):
        method.update(jnp.ones(1), method.init(jnp.ones(1)), jnp.ones(1))


def test_conventions_are_data():
    grid = [(*convention, nesterov) for convention in CONVENTIONS.values() for nesterov in (0.0, 1.0)]
    traced = []

    def end(row):
        traced.append(1)
        return points(sgd(RATES["decaying"], 0.9, Convention(row[0], row[1]), row[2]), steps=9)[-1]

    together = jax.jit(jax.vmap(end))(jnp.array(grid))
    assert len(traced) == 1
    alone = [end(row) for row in grid]
    np.testing.assert_allclose(together, alone, rtol=1e-11)
    assert len(np.unique(np.round(np.asarray(together), 9), axis=0)) == len(grid)
