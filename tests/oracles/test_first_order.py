"""Oracles of first-order methods: the notes' algorithms in NumPy, a hundred steps beside the library's.

Each is written as its note prints it: gradient, start, rates → all points.

Where a note errs (see dlnotes/errata.toml) its corrected form stands here. Symbols are the note's own, except ν for the
small constant that ee147 prints like the velocity, and d for the lectures' small constant, printed like the decay.
"""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

STEPS = 100
RATE, MU, BETA, NU, LIMIT = 0.002, 0.8, 0.95, 1e-7, 1.5


def descent(gradient, theta, rates):
    """cs182 3.1 Algorithm 1; lectures Stochastic Gradient Descent."""
    points = [theta]
    for alpha in rates:
        theta = theta - alpha * gradient(theta)
        points.append(theta)
    return np.array(points)


def cs182_momentum(gradient, theta, rates, mu):
    """cs182 3.3.1 Algorithm 3."""
    points, g = [theta], 0.0
    for alpha in rates:
        g = gradient(theta) + mu * g
        theta = theta - alpha * g
        points.append(theta)
    return np.array(points)


def ee147_momentum(gradient, theta, rates, alpha):
    """ee147 Optimizing Gradient Descent; lectures Momentum."""
    points, v = [theta], 0.0
    for epsilon in rates:
        v = alpha * v - epsilon * gradient(theta)
        theta = theta + v
        points.append(theta)
    return np.array(points)


def formulas_momentum(gradient, theta, rates, beta):
    """formulas 2.4.3 Algorithm 2."""
    points, v = [theta], 0.0
    for alpha in rates:
        v = beta * v + (1 - beta) * gradient(theta)
        theta = theta - alpha * v
        points.append(theta)
    return np.array(points)


def nesterov_lookahead(gradient, theta, rates, alpha):
    """ee147 Optimizing Gradient Descent and lectures Nesterov Momentum: the gradient at θ + αv."""
    points, v = [theta], np.zeros_like(theta)
    for epsilon in rates:
        v = alpha * v - epsilon * gradient(theta + alpha * v)
        theta = theta + v
        points.append(theta)
    return np.array(points)


def nesterov_changed(gradient, theta, rates, alpha):
    """ee147 Optimizing Gradient Descent, after the change of variables: the points are θ̃ = θ + αv."""
    points, v_old = [theta], np.zeros_like(theta)
    for epsilon in rates:
        v_new = alpha * v_old - epsilon * gradient(theta)
        theta = theta + v_new + alpha * (v_new - v_old)
        v_old = v_new
        points.append(theta)
    return np.array(points)


def adagrad(gradient, theta, rates, nu):
    """ee147 Optimizing Gradient Descent and lectures Adagrad (δ + √r); with ν = 0, cs182 3.3.3 Algorithm 5."""
    points, a = [theta], 0.0
    for epsilon in rates:
        g = gradient(theta)
        a = a + g * g
        theta = theta - epsilon / (np.sqrt(a) + nu) * g
        points.append(theta)
    return np.array(points)


def rmsprop_outside(gradient, theta, rates, beta, nu):
    """ee147 and formulas 2.4.4 Algorithm 3 (with 1 − β₂): ε outside the root; ν = 0 is cs182 3.3.2 Algorithm 4."""
    points, s = [theta], 0.0
    for alpha in rates:
        g = gradient(theta)
        s = beta * s + (1 - beta) * g**2
        theta = theta - alpha * g / (np.sqrt(s) + nu)
        points.append(theta)
    return np.array(points)


def rmsprop_inside(gradient, theta, rates, delta, d):
    """lectures RMSProp: the small constant inside the root."""
    points, r = [theta], 0.0
    for epsilon in rates:
        g = gradient(theta)
        r = delta * r + (1 - delta) * g * g
        theta = theta - epsilon / np.sqrt(d + r) * g
        points.append(theta)
    return np.array(points)


def rmsprop_momentum(gradient, theta, rates, alpha, beta, nu):
    """ee147 RMSProp combined with momentum."""
    points, a, v = [theta], 0.0, 0.0
    for epsilon in rates:
        g = gradient(theta)
        a = beta * a + (1 - beta) * g * g
        v = alpha * v - epsilon / (np.sqrt(a) + nu) * g
        theta = theta + v
        points.append(theta)
    return np.array(points)


def rmsprop_nesterov(gradient, theta, rates, alpha, delta, nu=0.0):
    """lectures RMSProp with momentum: gradient at θ̃ = θ + αv, then θ ← θ + v; they print no small constant."""
    points, r, v = [theta], 0.0, np.zeros_like(theta)
    for epsilon in rates:
        g = gradient(theta + alpha * v)
        r = delta * r + (1 - delta) * g * g
        v = alpha * v - epsilon / (np.sqrt(r) + nu) * g
        theta = theta + v
        points.append(theta)
    return np.array(points)


def clip_elements(g, c):
    """cs182 4.5: max(min(gᵢ, cᵢ), −cᵢ)."""
    return np.array([max(min(gi, ci), -ci) for gi, ci in zip(g, np.broadcast_to(c, g.shape), strict=True)])


def clip_norm(g, c):
    """cs182 4.5: g · min(‖g‖, c)/‖g‖."""
    norm = np.sqrt((g**2).sum())
    return g * min(norm, c) / norm


def averages(values, beta, corrected):
    """formulas 2.4.2 and its bias correction, with the power that is missing there."""
    v, out = 0.0, []
    for t, theta in enumerate(values, start=1):
        v = beta * v + (1 - beta) * theta
        out.append(v / (1 - beta**t) if corrected else v)
    return np.array(out)


SCHEDULES = {  # formulas 2.4.7, t the epoch; lectures, k the iteration
    "inverse time": lambda t, a0, r: a0 / (1 + r * t),
    "exponential": lambda t, a0, r: r**t * a0,
    "inverse root": lambda t, a0, k: k / np.sqrt(t) * a0,
    "linear": lambda k, e0, et, t: (1 - k / t) * e0 + k / t * et,
}


def chained(*methods):
    """Some transformations, then the step against them at the rate."""
    return optax.chain(*methods, optax.scale(-RATE))


PAIRS = {
    "descent": (descent, (), optax.sgd(RATE)),
    "momentum of cs182": (cs182_momentum, (MU,), chained(optax.trace(MU))),
    "momentum of ee147": (ee147_momentum, (MU,), optax.chain(optax.scale(-RATE), optax.trace(MU))),
    "momentum of formulas": (formulas_momentum, (MU,), chained(optax.ema(MU, debias=False))),
    "Nesterov, changed": (nesterov_changed, (MU,), optax.sgd(RATE, MU, nesterov=True)),
    "RMSProp of cs182": (rmsprop_outside, (BETA, 0.0), optax.rmsprop(RATE, BETA, eps=0.0)),
    "RMSProp of ee147": (rmsprop_outside, (BETA, NU), optax.rmsprop(RATE, BETA, eps=NU, eps_in_sqrt=False)),
    "RMSProp of lectures": (rmsprop_inside, (BETA, NU), optax.rmsprop(RATE, BETA, eps=NU)),
    "RMSProp, momentum": (
        rmsprop_momentum, (MU, BETA, NU), optax.rmsprop(RATE, BETA, eps=NU, momentum=MU, eps_in_sqrt=False)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_a_hundred_steps_are_the_printed_ones(float64, follow, problem, name):
    printed, numbers, method = PAIRS[name]
    theirs = printed(problem.gradient, problem.start, [RATE] * STEPS, *numbers)
    assert np.isfinite(theirs).all()
    assert np.abs(theirs[-1] - theirs[0]).max() > 0.01
    np.testing.assert_allclose(follow(method, problem, STEPS)[0], theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("clip", "method"), [(clip_elements, optax.clip(LIMIT)), (clip_norm, optax.clip_by_global_norm(LIMIT))]
)
def test_descent_with_clipped_gradients(float64, follow, problem, clip, method):
    theirs = descent(lambda x: clip(problem.gradient(x), LIMIT), problem.start, [RATE] * STEPS)
    assert np.abs(theirs - descent(problem.gradient, problem.start, [RATE] * STEPS)).max() > 1e-3
    np.testing.assert_allclose(follow(chained(method), problem, STEPS)[0], theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("corrected", [False, True])
def test_averages_are_the_printed_ones(float64, corrected):
    values = np.random.default_rng(3).normal(size=(STEPS, 2))
    method = optax.ema(BETA, debias=corrected)
    state, mine = method.init(jnp.zeros(2)), []
    for value in values:
        average, state = method.update(jnp.asarray(value), state)
        mine.append(average)
    np.testing.assert_allclose(mine, averages(values, BETA, corrected), rtol=1e-12)
