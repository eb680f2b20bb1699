"""Oracles of first-order methods: the notes' algorithms in NumPy, a hundred steps beside the library's.

Each is written as its note prints it: gradient, start, rates → all points.

Where a note errs (see dlnotes/errata.toml) its corrected form stands here. Symbols are the note's own, except ν for the
small constant that ee147 prints like the velocity, and d for the lectures' small constant, printed like the decay.
"""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlnotes.optim import adaptive, averaging, momentum, schedules

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


def chained(*methods):
    """Some transformations, then the step against them at the rate."""
    return optax.chain(*methods, optax.scale(-RATE))


OUTSIDE, INSIDE = adaptive.Epsilon(outside=NU), adaptive.Epsilon(inside=NU)
PAIRS = {
    "descent": (descent, (), optax.sgd(RATE)),
    "cs182 momentum, optax": (cs182_momentum, (MU,), chained(optax.trace(MU))),
    "cs182 momentum": (cs182_momentum, (MU,), momentum.sgd(RATE, MU, momentum.ACCUMULATED)),
    "ee147 momentum, optax": (ee147_momentum, (MU,), optax.chain(optax.scale(-RATE), optax.trace(MU))),
    "ee147 momentum": (ee147_momentum, (MU,), momentum.sgd(RATE, MU, momentum.HEAVY_BALL)),
    "formulas momentum, optax": (formulas_momentum, (MU,), chained(optax.ema(MU, debias=False))),
    "formulas momentum": (formulas_momentum, (MU,), momentum.sgd(RATE, MU, momentum.AVERAGED)),
    "Nesterov, looking ahead": (nesterov_lookahead, (MU,), momentum.look_ahead(momentum.sgd(RATE, MU), MU)),
    "Nesterov, changed, optax": (nesterov_changed, (MU,), optax.sgd(RATE, MU, nesterov=True)),
    "Nesterov, changed": (nesterov_changed, (MU,), momentum.sgd(RATE, MU, nesterov=1.0)),
    "ee147 AdaGrad": (adagrad, (NU,), adaptive.adagrad(10 * RATE, OUTSIDE)),
    "cs182 AdaGrad": (adagrad, (0.0,), adaptive.adagrad(10 * RATE, adaptive.ABSENT)),
    "cs182 RMSProp, optax": (rmsprop_outside, (BETA, 0.0), optax.rmsprop(RATE, BETA, eps=0.0)),
    "cs182 RMSProp": (rmsprop_outside, (BETA, 0.0), adaptive.rmsprop(RATE, BETA, adaptive.ABSENT)),
    "ee147 RMSProp, optax": (rmsprop_outside, (BETA, NU), optax.rmsprop(RATE, BETA, eps=NU, eps_in_sqrt=False)),
    "ee147 RMSProp": (rmsprop_outside, (BETA, NU), adaptive.rmsprop(RATE, BETA, OUTSIDE)),
    "lectures RMSProp, optax": (rmsprop_inside, (BETA, NU), optax.rmsprop(RATE, BETA, eps=NU)),
    "lectures RMSProp": (rmsprop_inside, (BETA, NU), adaptive.rmsprop(RATE, BETA, INSIDE)),
    "ee147 RMSProp, momentum, optax": (
        rmsprop_momentum, (MU, BETA, NU), optax.rmsprop(RATE, BETA, eps=NU, momentum=MU, eps_in_sqrt=False)
    ),
    "ee147 RMSProp, momentum": (rmsprop_momentum, (MU, BETA, NU), adaptive.rmsprop(RATE, BETA, OUTSIDE, MU)),
    "lectures RMSProp, Nesterov": (
        rmsprop_nesterov, (MU, BETA),
        momentum.look_ahead(adaptive.rmsprop(RATE, BETA, adaptive.ABSENT, MU), MU),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_a_hundred_steps_are_the_printed_ones(float64, follow, problem, name):
    printed, numbers, method = PAIRS[name]
    rate = 10 * RATE if printed is adagrad else RATE
    theirs = printed(problem.gradient, problem.start, [rate] * STEPS, *numbers)
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


CONVENTIONS = {
    "cs182": (cs182_momentum, momentum.ACCUMULATED),
    "ee147": (ee147_momentum, momentum.HEAVY_BALL),
    "formulas": (formulas_momentum, momentum.AVERAGED),
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_momentum_under_a_rate_that_decays(float64, follow, problem, name):
    printed, convention = CONVENTIONS[name]
    rates = [RATE / (1 + 0.05 * t) for t in range(STEPS)]
    theirs = printed(problem.gradient, problem.start, rates, MU)
    mine, _ = follow(momentum.sgd(schedules.inverse_time(RATE, 0.05), MU, convention), problem, STEPS)
    np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-10)


def test_conventions_are_one_at_a_constant_rate_and_three_at_another(float64, problem):
    rates = [RATE] * STEPS, [RATE / (1 + 0.05 * t) for t in range(STEPS)]
    paths = [
        [f(problem.gradient, problem.start, [float(momentum.equivalent_rate(r, MU, c)) for r in rate], MU)
         for f, c in CONVENTIONS.values()]
        for rate in rates
    ]  # fmt: skip
    np.testing.assert_allclose(paths[0][0], paths[0][1], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(paths[0][2], paths[0][1], rtol=1e-10, atol=1e-10)
    assert np.abs(paths[1][0] - paths[1][1]).max() > 1e-4


def test_schedules_are_the_printed_ones(float64):
    """formulas 2.4.7, t the epoch; lectures Stochastic Gradient Descent, k the iteration."""
    epochs = np.arange(1, 40)
    for mine, printed in {
        schedules.inverse_time(0.3, 0.2): [0.3 / (1 + 0.2 * t) for t in epochs],
        schedules.exponential(0.3, 0.9): [0.9**t * 0.3 for t in epochs],
        schedules.linear_decay(0.3, 40, 0.01): [(1 - k / 40) * 0.3 + k / 40 * 0.01 for k in epochs],
    }.items():
        np.testing.assert_allclose([mine(t) for t in epochs], printed, rtol=1e-12)
    root = schedules.inverse_sqrt(0.3, 2.0)  # the notes' t is infinite at 0: ours counts from 1
    np.testing.assert_allclose([root(t - 1) for t in epochs], [2.0 / np.sqrt(t) * 0.3 for t in epochs], rtol=1e-12)
    stairs = schedules.staircase(schedules.exponential(0.3, 0.5), 7)
    np.testing.assert_allclose([stairs(t) for t in range(21)], np.repeat([0.3, 0.15, 0.075], 7), rtol=1e-12)


def test_averages_of_the_parameters(float64, follow, problem):
    points = descent(problem.gradient, problem.start, [RATE] * STEPS)[1:]
    for decay, expected in ((BETA, averages(points, BETA, corrected=True)[-1]), (1.0, points.mean(0))):
        _, state = follow(optax.chain(optax.sgd(RATE), averaging.average_params(decay)), problem, STEPS)
        np.testing.assert_allclose(state[1].average, expected, rtol=1e-10, atol=1e-12)
    _, state = follow(optax.chain(optax.sgd(RATE), averaging.keep_snapshots(jnp.array([3, 50]))), problem, STEPS)
    np.testing.assert_allclose(state[1].snapshots, points[[2, 49]], rtol=1e-10, atol=1e-12)
