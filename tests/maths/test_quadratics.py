"""Quadratics of a given spectrum, and the exact laws of descent and the heavy ball on them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.maths import quadratics

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize("condition", [1.0, 30.0, 1e6])
def test_spectrum_is_as_asked(condition):
    matrix, axes = quadratics.random_quadratic(jax.random.key(0), condition, 8)
    eigenvalues = np.geomspace(1, condition, 8)
    np.testing.assert_allclose(np.linalg.eigvalsh(matrix), eigenvalues, rtol=1e-8)
    np.testing.assert_allclose(matrix @ axes, axes * eigenvalues[None], atol=1e-9 * condition)
    np.testing.assert_allclose(axes.T @ axes, np.eye(8), atol=1e-12)


def test_rotations_differ_by_key_and_condition_may_be_traced():
    one = jax.jit(lambda key, condition: quadratics.random_quadratic(key, condition, 4)[0])
    first, second = (one(jax.random.key(seed), 10.0) for seed in (0, 1))
    assert np.abs(first - second).max() > 0.1


def test_gradient_and_hessian():
    matrix, _ = quadratics.random_quadratic(jax.random.key(0), 50.0, 5)
    x = jnp.arange(1.0, 6.0)
    np.testing.assert_allclose(
        quadratics.quadratic(matrix, x), 0.5 * np.asarray(x) @ np.asarray(matrix) @ np.asarray(x)
    )
    np.testing.assert_allclose(jax.grad(quadratics.quadratic, argnums=1)(matrix, x), matrix @ x, rtol=1e-12)
    np.testing.assert_allclose(jax.hessian(quadratics.quadratic, argnums=1)(matrix, x), matrix, rtol=1e-12)


def errors(smallest, largest, steps, k):
    """Errors of v ← g + βv, x ← x − εv along both ends of the spectrum from (1, 1): NumPy, [k + 1, 2]."""
    curvature, x, v = np.array([smallest, largest]), np.ones(2), np.zeros(2)
    rate, momentum = float(steps.learning_rate), float(steps.momentum)
    path = [x]
    for _ in range(k):
        v = curvature * x + momentum * v
        x = x - rate * v
        path.append(x)
    return np.array(path)


@pytest.mark.parametrize(("smallest", "largest"), [(1.0, 10.0), (0.5, 0.5), (2.0, 2e4)])
def test_descent_contracts_both_ends_by_the_law_and_no_rate_does_better(smallest, largest):
    best = quadratics.descent_steps(smallest, largest)
    law = float(quadratics.descent_contraction(largest / smallest))
    path = errors(smallest, largest, best, 20)
    np.testing.assert_allclose(np.abs(path), law ** np.arange(21)[:, None] * np.ones((1, 2)), rtol=1e-9, atol=1e-12)
    for factor in (0.9, 1.1):
        other = best._replace(learning_rate=factor * best.learning_rate)
        assert np.abs(errors(smallest, largest, other, 1)[1]).max() > law


@pytest.mark.parametrize("condition", [4.0, 100.0, 1e4])
def test_heavy_ball_from_rest_follows_its_exact_law(condition):
    r = float(quadratics.heavy_ball_contraction(condition))
    k = np.arange(60)
    path = errors(1.0, condition, quadratics.heavy_ball_steps(1.0, condition), 59)
    np.testing.assert_allclose(path[:, 0], (1 + k * (1 - r)) * r**k, rtol=1e-6)
    np.testing.assert_allclose(path[:, 1], (1 + k * (1 + r)) * (-r) ** k, rtol=1e-6)
    np.testing.assert_allclose(r, (np.sqrt(condition) - 1) / (np.sqrt(condition) + 1))


def test_nesterov_constants():
    steps = quadratics.nesterov_steps(0.1, 10.0)
    np.testing.assert_allclose(steps.learning_rate, 0.1)
    np.testing.assert_allclose(steps.momentum, 9 / 11)


def test_one_dimension_has_no_condition_number():
    with pytest.raises(ValueError, match="two eigenvalues, got n=1"):
        quadratics.log_spectrum(10.0, 1)
