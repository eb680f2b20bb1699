"""Softmax regression: against NumPy, convex, its curvature within the bounds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dlnotes.maths import softmax_regression

pytestmark = pytest.mark.usefixtures("float64")
RNG = np.random.default_rng(0)
X, LABELS, WEIGHTS = RNG.normal(size=(12, 3)), RNG.integers(0, 4, 12), RNG.dirichlet(np.ones(12))


def objective(theta, weights=WEIGHTS, penalty=0.1):
    return softmax_regression.objective(
        jnp.asarray(X), jnp.asarray(LABELS), jnp.asarray(weights), penalty, jnp.asarray(theta)
    )


def test_equals_numpy():
    theta = RNG.normal(size=(3, 4))
    logits = X @ theta
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    want = -(WEIGHTS * log_p[np.arange(12), LABELS]).sum() + 0.05 * (theta**2).sum()
    np.testing.assert_allclose(objective(theta), want, rtol=1e-12)
    check_grads(objective, (jnp.asarray(theta),), order=2, rtol=1e-6)


@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0])
def test_curvature_stays_within_the_bounds(scale):
    smallest, largest = softmax_regression.curvature_bounds(jnp.asarray(X), 0.1)
    theta = scale * RNG.normal(size=12)
    equal = np.full(12, 1 / 12)
    hessian = jax.hessian(lambda flat: objective(flat.reshape(3, 4), equal))(jnp.asarray(theta))
    eigenvalues = np.linalg.eigvalsh(hessian)
    assert eigenvalues[0] >= smallest - 1e-12
    assert eigenvalues[-1] <= largest
    if scale == 0:  # at 0 the softmax is uniform, and 1/4 of λₘₐₓ(xᵀx/N) is reached
        np.testing.assert_allclose(eigenvalues[-1] - 0.1, (largest - 0.1) / 2)


def test_separable_data_have_no_minimum_without_a_penalty():
    theta = jnp.array([[1.0, -1.0]])

    def loss(scale):
        x = jnp.array([[1.0], [-2.0]])
        return softmax_regression.objective(x, jnp.array([0, 1]), jnp.full(2, 0.5), 0.0, scale * theta)

    assert loss(1.0) > loss(3.0) > loss(9.0) > 0
