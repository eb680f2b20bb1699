"""Oracles of derivatives and curvature: dlbook 1.3.1, formulas 2.3.3 and 2.3.4, with gradients and Hessians by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.maths import curvature, derivatives
from dlnotes.nn import gradient_noise


def length(x):
    return np.sqrt((x * x).sum())


def differences(f, theta, epsilon):
    """formulas 2.3.3: one parameter after the other, two-sided."""
    approx = np.empty_like(theta)
    for i in range(theta.size):
        up, down = theta.copy(), theta.copy()
        up[i] += epsilon
        down[i] -= epsilon
        approx[i] = (f(up) - f(down)) / (2 * epsilon)
    return approx


def one_sided(f, theta, epsilon):
    approx = np.empty_like(theta)
    for i in range(theta.size):
        up = theta.copy()
        up[i] += epsilon
        approx[i] = (f(up) - f(theta)) / epsilon
    return approx


def test_slope_and_curvature_along_a_direction(float64, problem):
    d = np.random.default_rng(0).normal(size=problem.start.size) * 3
    u = d / length(d)
    found = derivatives.directional_derivatives(problem.fun, jnp.asarray(problem.start), jnp.asarray(d))
    np.testing.assert_allclose(found.slope, u @ problem.gradient(problem.start), rtol=1e-12)
    np.testing.assert_allclose(found.curvature, u @ problem.hessian(problem.start) @ u, rtol=1e-12)


def test_what_a_step_along_the_gradient_should_bring(float64, problem):
    x = problem.start
    g, h = problem.gradient(x), problem.hessian(x)
    along = derivatives.along_descent(problem.fun, jnp.asarray(x))
    for epsilon in (1e-4, 0.3):  # (4.9)
        expected = epsilon * g @ g - 0.5 * epsilon**2 * g @ h @ g
        np.testing.assert_allclose(derivatives.taylor_decrease(along, epsilon), expected, rtol=1e-11)
    np.testing.assert_allclose(derivatives.optimal_step_size(along), g @ g / (g @ h @ g), rtol=1e-12)  # (4.10)
    tiny = 1e-6
    np.testing.assert_allclose(
        derivatives.taylor_decrease(along, tiny), problem.value(x) - problem.value(x - tiny * g), rtol=1e-5
    )


def test_numerical_gradients_are_the_printed_ones(float64, problem):
    x, epsilon = problem.start, 1e-3  # so large that the errors of both formulas stand above rounding
    two = derivatives.numerical_gradient(problem.fun, jnp.asarray(x), epsilon)
    one = derivatives.numerical_gradient(problem.fun, jnp.asarray(x), epsilon, two_sided=False)
    np.testing.assert_allclose(two, differences(problem.value, x, epsilon), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(one, one_sided(problem.value, x, epsilon), rtol=1e-9, atol=1e-9)
    assert length(np.asarray(one) - problem.gradient(x)) > 1e-5


@pytest.mark.parametrize("bug", [0.0, 1e-3])
def test_gradient_check_is_the_printed_ratio(float64, problem, bug):
    x, wrong = problem.start, np.zeros_like(problem.start)
    wrong[-1] = bug * length(problem.gradient(x))
    approx, d = differences(problem.value, x, 1e-5), problem.gradient(x) + wrong
    expected = length(approx - d) / (length(approx) + length(d))
    found = derivatives.gradient_check(
        problem.fun, jnp.asarray(x), lambda v: jax.grad(problem.fun)(v) + jnp.asarray(wrong), step=1e-5
    )
    assert found.passed == (expected < 1e-7) == (bug == 0)
    if bug:
        np.testing.assert_allclose(found.distance, expected, rtol=1e-5)
        assert found.index == (x.size - 1,)


def test_hessian_eigenvalues_at_both_ends(float64, problem):
    values, vectors = np.linalg.eigh(problem.hessian(problem.start))
    n = values.size
    found = curvature.hessian_eigenvalues(problem.fun, jnp.asarray(problem.start), jax.random.key(0), count=n, steps=n)
    np.testing.assert_allclose(found.smallest.values, values, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(found.largest.values, values[::-1], rtol=1e-8, atol=1e-8)
    overlap = np.abs((np.asarray(found.smallest.vectors) * vectors.T).sum(1))
    np.testing.assert_allclose(overlap, 1, atol=1e-6)


def test_kinds_of_critical_points_by_definition(float64):
    for eigenvalues, kind, index in [
        ([0.1, 2.0], "minimum", 0),
        ([-3.0, -0.1], "maximum", 2),
        ([-1.0, 5.0], "saddle", 1),
        ([-1.0, 0.0, 5.0], "saddle", 1),
        ([0.0, 2.0], "flat", 0),
    ]:
        found = curvature.critical_point_kind(jnp.array(eigenvalues))
        assert (curvature.KINDS[int(found.kind)], int(found.index)) == (kind, index)


def test_noise_of_least_squares_gradients(float64):
    rng = np.random.default_rng(4)
    x, y, w = rng.normal(size=(50, 3)), rng.normal(size=50), rng.normal(size=3)
    gradients = x * (x @ w - y)[:, None]
    mean = gradients.mean(0)
    trace = ((gradients - mean) ** 2).sum() / 49
    found = gradient_noise.from_examples(
        lambda p, example: 0.5 * (example[0] @ p - example[1]) ** 2, jnp.asarray(w), (jnp.asarray(x), jnp.asarray(y))
    )
    np.testing.assert_allclose(found.variance, trace, rtol=1e-12)
    np.testing.assert_allclose(found.square, mean @ mean - trace / 50, rtol=1e-12)
    np.testing.assert_allclose(gradient_noise.noise_scale(found), trace / (mean @ mean - trace / 50), rtol=1e-12)
