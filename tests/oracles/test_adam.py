"""Oracles of dlnotes.optim.adam: the notes' Adam, as three of them print it, step by step beside ours and optax's."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlnotes.optim import adam, schedules

STEPS = 100
SETTINGS = {"defaults": (0.9, 0.999, 1e-8), "fast": (0.5, 0.9, 1e-3), "equal": (0.95, 0.95, 1e-6)}


def path(start, gradient, direction, rates):
    """The points of θ ← θ − α_t · direction(g, t)."""
    points = [start]
    for t, rate in enumerate(rates, start=1):
        points.append(points[-1] - rate * direction(gradient(points[-1]), t))
    return np.array(points)


def cs182(beta1, beta2, epsilon):
    """cs182 3.3.4 Algorithm 6."""
    m = v = 0.0

    def direction(g, k):
        nonlocal m, v
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**k)
        v_hat = v / (1 - beta2**k)
        return m_hat / (np.sqrt(v_hat) + epsilon)

    return direction


def ee147(beta1, beta2, nu, corrected):
    """ee147 Optimizing Gradient Descent, both forms; the small constant, printed v like the velocity, is ν here."""
    v = a = 0.0

    def direction(g, t):
        nonlocal v, a
        v = beta1 * v + (1 - beta1) * g
        a = beta2 * a + (1 - beta2) * g * g
        if not corrected:
            return v / (np.sqrt(a) + nu)
        v_tilde, a_tilde = 1 / (1 - beta1**t) * v, 1 / (1 - beta2**t) * a
        return v_tilde / (np.sqrt(a_tilde) + nu)

    return direction


def formulas(beta1, beta2, epsilon):
    """formulas 2.4.5 Algorithm 4: V and S by the exponentially weighted averages of 2.4.3, corrected by 1 − βᵗ.

    The stored sheet has no line for the update: RMSprop's (Algorithm 3), with V corrected in the gradient's place.
    """
    gradients = []

    def direction(g, t):
        gradients.append(g)
        age = np.arange(t - 1, -1, -1.0)
        average = np.array(gradients).T @ ((1 - beta1) * beta1**age)
        squares = (np.array(gradients) ** 2).T @ ((1 - beta2) * beta2**age)
        return average / (1 - beta1**t) / (np.sqrt(squares / (1 - beta2**t)) + epsilon)

    return direction


def first_gradient(beta1, beta2, epsilon):
    """Running means that begin at the first gradient and its square instead of 0, and are not corrected."""
    m = v = None

    def direction(g, t):
        nonlocal m, v
        m, v = (g, g * g) if t == 1 else (beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g)
        return m / (np.sqrt(v) + epsilon)

    return direction


def ours(follow, problem, start, rate, settings, warmup=0):
    return follow(adam.adam(rate, start, *settings, warmup=warmup), problem, STEPS)[0]


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_hundred_steps_are_the_printed_ones(float64, follow, problem, settings):
    rates = [0.02] * STEPS
    oracles = {
        adam.CORRECTED: [cs182(*settings), ee147(*settings, corrected=True), formulas(*settings)],
        adam.UNCORRECTED: [ee147(*settings, corrected=False)],
        adam.FIRST_GRADIENT: [first_gradient(*settings)],
    }
    for start, directions in oracles.items():
        mine = ours(follow, problem, start, 0.02, settings)
        for direction in directions:
            theirs = path(problem.start, problem.gradient, direction, rates)
            np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-10)


def test_optax_adam_is_the_printed_one(float64, follow, problem):
    for settings in SETTINGS.values():
        theirs = path(problem.start, problem.gradient, cs182(*settings), [0.02] * STEPS)
        mine, _ = follow(optax.adam(0.02, *settings), problem, STEPS)
        np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("warmup", [1, 7])
def test_warmup_multiplies_the_rate_by_t_over_w(float64, follow, problem, warmup):
    rates = [0.05 * min(1, t / warmup) for t in range(1, STEPS + 1)]
    theirs = path(problem.start, problem.gradient, cs182(0.9, 0.999, 1e-8), rates)
    mine = ours(follow, problem, adam.CORRECTED, 0.05, SETTINGS["defaults"], warmup)
    np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-10)
    schedule = schedules.linear_warmup(0.05, warmup)
    np.testing.assert_allclose([float(schedule(t)) for t in range(10)], rates[:10], rtol=1e-14)


def test_the_state_holds_uncorrected_means(float64):
    gradients = np.random.default_rng(1).normal(size=(9, 4))
    method = adam.scale_by_adam(adam.CORRECTED, 0.8, 0.9)
    state, m, v = method.init(jnp.zeros(4)), 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        _, state = method.update(jnp.asarray(g), state)
        m, v = 0.8 * m + (1 - 0.8) * g, 0.9 * v + (1 - 0.9) * g * g
        np.testing.assert_allclose(state.m, m, rtol=1e-13)
        np.testing.assert_allclose(state.v, v, rtol=1e-13)
        assert int(state.t) == t


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999, 0.9999999])
def test_total_weight_is_the_sum_of_the_weights(float64, beta):
    """formulas 2.4.3: V_t = Σ_k (1 − β) β^(t−k) θ_k, so the weights sum to 1 − βᵗ (2.4's 1 − β at t = 1 only)."""
    for t in (1, 2, 10, 1000):
        expected = ((1 - beta) * beta ** np.arange(t)).sum()
        # β^k one after the other in NumPy, and 1 − β for β = 0.9999999, are good to some 1e-10.
        np.testing.assert_allclose(adam.total_weight(t, beta), expected, rtol=1e-9)


def test_correction_ratio_is_the_ratio_of_the_two_printed_steps(float64):
    """ee147's two forms on the same gradients: uncorrected over corrected, ν = 0."""
    gradients = np.random.default_rng(2).normal(size=300)
    for beta1, beta2, _ in SETTINGS.values():
        plain, corrected = (ee147(beta1, beta2, 0.0, corrected=c) for c in (False, True))
        ratios = [plain(g, t) / corrected(g, t) for t, g in enumerate(gradients, start=1)]
        np.testing.assert_allclose(adam.correction_ratio(np.arange(1, 301), beta1, beta2), ratios, rtol=1e-10)
    ratios = np.asarray(adam.correction_ratio(np.arange(1, 301), 0.9, 0.999))
    assert round(float(ratios[0]), 2) == 3.16
    assert (int(ratios.argmax()) + 1, round(float(ratios.max()), 2)) == (12, 6.57)
