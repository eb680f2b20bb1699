"""AdaGrad and RMSProp: each place of ε against Optax and the printed updates; what a gradient of zero does."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlnotes.optim import adam
from dlnotes.optim.adaptive import (
    ABSENT,
    OUTSIDE,
    Epsilon,
    adagrad,
    divisor,
    rmsprop,
    scale_by_adagrad,
    scale_by_rmsprop,
)
from dlnotes.optim.momentum import look_ahead

PLACES = {
    "inside": Epsilon(inside=1e-4),
    "outside": Epsilon(outside=1e-4),
    "absent": ABSENT,
    "both": Epsilon(1e-6, 1e-3),
}
SCALE = np.array([1e-3, 1.0, 100.0, 3.0])
GRADIENTS = np.random.default_rng(0).normal(0.3, 1.0, (60, 4)) * SCALE


def directions(method, gradients=GRADIENTS):
    """What a transformation makes of a sequence of gradients, one after the other."""
    gradients = jnp.asarray(gradients)
    return jax.lax.scan(lambda s, g: method.update(g, s)[::-1], method.init(jnp.zeros_like(gradients[0])), gradients)[1]


def printed(gradients, keep, weight, epsilon):
    s, out = 0.0, []
    for g in gradients:
        s = keep * s + weight * g**2
        out.append(g / (np.sqrt(s + epsilon.inside) + epsilon.outside))
    return out


@pytest.mark.parametrize("epsilon", PLACES.values(), ids=PLACES)
def test_both_are_as_printed(float64, epsilon):
    want = printed(GRADIENTS, 1.0, 1.0, epsilon)
    np.testing.assert_allclose(directions(scale_by_adagrad(epsilon)), want, rtol=1e-12)
    np.testing.assert_allclose(directions(adagrad(0.3, epsilon)), -0.3 * np.array(want), rtol=1e-12)
    want = printed(GRADIENTS, 0.9, 0.1, epsilon)
    np.testing.assert_allclose(directions(scale_by_rmsprop(0.9, epsilon)), want, rtol=1e-12)


def test_equal_optax_where_it_has_them(float64):
    pairs = [
        (scale_by_adagrad(Epsilon(inside=1e-4)), optax.scale_by_rss(0.0, 1e-4)),
        (scale_by_adagrad(Epsilon(inside=1e-7), 0.1), optax.scale_by_rss()),
        (scale_by_rmsprop(0.9, Epsilon(inside=1e-8)), optax.scale_by_rms()),
        (scale_by_rmsprop(0.99, OUTSIDE), optax.scale_by_rms(0.99, 1e-7, eps_in_sqrt=False)),
        (
            scale_by_rmsprop(0.99, OUTSIDE, corrected=1.0, initial=0.0),
            optax.scale_by_rms(0.99, 1e-7, eps_in_sqrt=False, bias_correction=True),
        ),
        (scale_by_rmsprop(0.9, OUTSIDE, initial=2.0), optax.scale_by_rms(0.9, 1e-7, 2.0, eps_in_sqrt=False)),
        (
            rmsprop(0.1, 0.9, OUTSIDE, momentum=0.8),
            optax.rmsprop(0.1, 0.9, 1e-7, momentum=0.8, eps_in_sqrt=False),
        ),
        (
            rmsprop(0.1, 0.9, OUTSIDE, 0.8, nesterov=1.0, corrected=1.0),
            optax.rmsprop(0.1, 0.9, 1e-7, momentum=0.8, nesterov=True, eps_in_sqrt=False, bias_correction=True),
        ),
        (scale_by_rmsprop(0.95, OUTSIDE, corrected=1.0), adam.scale_by_adam(adam.CORRECTED, 0.0, 0.95, 1e-7)),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(directions(ours), directions(theirs), rtol=1e-11)


def test_rmsprop_with_momentum_is_as_ee147_prints_it(float64):
    a, v, want = 0.0, 0.0, []
    for g in GRADIENTS:
        a = 0.99 * a + 0.01 * g * g
        v = 0.9 * v - 0.05 / (np.sqrt(a) + 1e-7) * g
        want.append(v)
    np.testing.assert_allclose(directions(rmsprop(0.05, momentum=0.9)), want, rtol=1e-11)


def test_rmsprop_that_looks_ahead_visits_the_points_of_the_change_of_variables(float64):
    def points(method):
        def step(carry, _):
            x, state = carry
            updates, state = method.update(curvature * x, state, x, value_fn=lambda x: 0.5 * jnp.sum(curvature * x**2))
            return (x + updates, state), x

        x, curvature = jnp.ones(2), jnp.array([1.0, 30.0])
        return jax.lax.scan(step, (x, method.init(x)), None, length=60)[1]

    theta = points(look_ahead(rmsprop(0.01, momentum=0.9), 0.9))
    changed = points(optax.with_extra_args_support(rmsprop(0.01, momentum=0.9, nesterov=1.0)))
    np.testing.assert_allclose(theta[1:] + 0.9 * jnp.diff(theta, axis=0), changed[1:], rtol=1e-10, atol=1e-13)
    # lectures: g at θ̃ = θ + αv, r, v; then θ + v, not θ̃ + v as printed
    x, v, r = np.ones(2), np.zeros(2), np.zeros(2)
    for want in np.asarray(theta):
        np.testing.assert_allclose(x, want, rtol=1e-10, atol=1e-13)
        g = np.array([1.0, 30.0]) * (x + 0.9 * v)
        r = 0.99 * r + 0.01 * g * g
        v = 0.9 * v - 0.01 / (np.sqrt(r) + 1e-7) * g
        x = x + v


METHODS = {
    "adagrad": scale_by_adagrad,
    "rmsprop": lambda epsilon: scale_by_rmsprop(0.9, epsilon),
    "corrected": lambda epsilon: scale_by_rmsprop(0.9, epsilon, corrected=1.0),
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("epsilon", PLACES.values(), ids=PLACES)
def test_zero_gradients_give_zero_steps_and_nothing_is_lost(method, epsilon):
    gradients = np.zeros((7, 3), np.float32)
    gradients[3:5, 0] = 2.0
    got = np.asarray(directions(method(epsilon), gradients))
    assert np.isfinite(got).all()
    np.testing.assert_array_equal(got[gradients == 0], 0.0)
    assert (got[gradients > 0] > 0).all()


def test_what_would_be_zero_by_zero_is_counted():
    method, g = scale_by_adagrad(ABSENT), {"a": jnp.array([0.0, 1.0]), "b": jnp.zeros(3)}
    _, state = method.update(g, method.init(g))
    assert int(state.undefined) == 4
    _, state = method.update({"a": jnp.zeros(2), "b": jnp.array([0.0, 1.0, 1.0])}, state)
    assert int(state.undefined) == 2  # their sums are still 0
    _, state = scale_by_adagrad(OUTSIDE).update(g, method.init(g))
    assert int(state.undefined) == 0


def test_a_square_too_small_for_float32_is_counted_not_divided_by():
    method, g = scale_by_adagrad(ABSENT), jnp.array([1e-30], jnp.float32)
    direction, state = method.update(g, method.init(g))
    assert (float(direction[0]), int(state.undefined)) == (0.0, 1)


def test_a_lost_gradient_stays_visible():
    for method in METHODS.values():
        assert np.isnan(directions(method(ABSENT), np.array([[1.0], [np.nan], [1.0]]))[1:]).all()


def test_laws_of_the_step_length(float64):
    sign = np.sign(GRADIENTS[0])
    np.testing.assert_allclose(directions(scale_by_adagrad(ABSENT))[0], sign)
    np.testing.assert_allclose(directions(scale_by_rmsprop(0.99, ABSENT))[0], 10 * sign)  # 1/√(1 − β)
    np.testing.assert_allclose(directions(scale_by_rmsprop(0.99, ABSENT, corrected=1.0))[0], sign)
    steady, t = np.full((50, 1), 3.0), np.arange(1, 51)[:, None]
    np.testing.assert_allclose(directions(scale_by_adagrad(ABSENT), steady), 1 / np.sqrt(t))
    np.testing.assert_allclose(directions(scale_by_rmsprop(0.9, ABSENT), steady), 1 / np.sqrt(1 - 0.9**t))
    for method in METHODS.values():  # the scale of the loss cancels
        np.testing.assert_allclose(directions(method(ABSENT), 1e4 * GRADIENTS), directions(method(ABSENT)), rtol=1e-10)


def test_the_divisor_has_a_slope_everywhere():
    for epsilon in PLACES.values():
        slopes = jax.vmap(jax.grad(lambda s, e=epsilon: divisor(s, e)))(jnp.array([0.0, 4.0]))
        assert np.isfinite(slopes).all()
        np.testing.assert_allclose(slopes[1], 0.25, rtol=1e-4)


def test_numbers_are_data():
    traced = []

    def last(row):
        traced.append(1)
        method = rmsprop(row[0], row[1], Epsilon(row[2], row[3]), row[4], row[5], row[6])
        return directions(method, GRADIENTS.astype(np.float32))[-1]

    choices = np.meshgrid([0.1, 1.0], [0.9, 0.5], [0.0, 1e-2], [0.0, 1e-2], [0.0, 0.9], [0.0, 1.0], [0.0, 1.0])
    grid = np.stack([c.ravel() for c in choices], -1).astype(np.float32)
    together = jax.jit(jax.vmap(last))(grid)
    assert len(traced) == 1
    for i in (0, 37, 90, 127):
        lr, beta, inside, outside, momentum, nesterov, corrected = map(float, grid[i])
        alone = directions(
            rmsprop(lr, beta, Epsilon(inside, outside), momentum, nesterov, corrected), np.float32(GRADIENTS)
        )
        np.testing.assert_allclose(together[i], alone[-1], rtol=2e-4)
