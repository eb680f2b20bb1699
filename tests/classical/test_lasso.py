"""The lasso against scikit-learn's, and its laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso

from dlnotes.classical import lasso, ridge


@pytest.fixture(scope="module")
def data():
    x, y = load_diabetes(return_X_y=True)
    return np.asarray(x), np.asarray(y)[:, None]


@pytest.mark.parametrize("intercept", [True, False])
def test_it_is_scikit_learns_with_the_same_zeros(float64, data, intercept):
    x, y = data
    strengths = (10.0, 200.0, 500.0)
    path = jax.vmap(lambda s: lasso.fit(jnp.asarray(x), jnp.asarray(y), s, intercept=intercept, tol=1e-13))
    mine = jax.jit(path)(jnp.asarray(strengths))
    assert mine.converged.all()
    for i, strength in enumerate(strengths):
        theirs = Lasso(strength / len(x), fit_intercept=intercept, tol=1e-14, max_iter=100_000).fit(x, y[:, 0])
        np.testing.assert_allclose(mine.linear.weights[i, :, 0], theirs.coef_, rtol=1e-4, atol=1e-3)
        np.testing.assert_array_equal(mine.linear.weights[i, :, 0] == 0, theirs.coef_ == 0)
        np.testing.assert_allclose(mine.linear.bias[i, 0], theirs.intercept_, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(ridge.predict(mine.linear, jnp.asarray(x))[i, :, 0], theirs.predict(x), rtol=1e-4)


def test_orthogonal_features_are_moved_by_the_same_and_not_scaled(float64):
    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(30, 4)))
    y = q @ np.array([[3.0, 1.0], [-2.0, 0.4], [0.5, -1.0], [0.0, 2.0]])
    found = lasso.fit(jnp.asarray(q), jnp.asarray(y), 0.6, intercept=False, tol=1e-14).linear.weights
    np.testing.assert_allclose(found, [[2.4, 0.4], [-1.4, 0.0], [0.0, -0.4], [0.0, 1.4]], atol=1e-6)


def test_from_the_critical_strength_on_nothing_is_left(float64, data):
    x, y = map(jnp.asarray, data)
    critical = lasso.critical_strength(x, y)[0]
    assert np.all(lasso.fit(x, y, critical * 1.000001).linear.weights == 0)
    below = lasso.fit(x, y, critical * 0.99, tol=1e-9).linear
    assert np.count_nonzero(below.weights) == 1
    np.testing.assert_allclose(lasso.critical_strength(x + 3.0, y + 5.0)[0], critical)


def test_the_gap_bounds_the_distance_from_the_minimum(float64, data):
    x, y = (jnp.asarray(part - part.mean(0)) for part in data)

    def objective(theta):
        return 0.5 * ((y - x @ theta) ** 2).sum() + 100.0 * jnp.abs(theta).sum()

    best = objective(lasso.fit(x, y, 100.0, tol=1e-14).linear.weights)
    for steps in (1, 5, 40):
        early = lasso.fit(x, y, 100.0, max_steps=steps, tol=1e-14)
        assert not early.converged
        assert early.steps == steps
        above = objective(early.linear.weights) - best
        assert 0 < above <= early.gap[0]


def test_float32_stays_and_constant_data_give_zero(data):
    x, y = (jnp.asarray(part, jnp.float32) for part in data)
    found = lasso.fit(x, y, 100.0)
    assert found.linear.weights.dtype == found.gap.dtype == jnp.float32
    assert found.converged
    still = lasso.fit(jnp.ones((4, 2)), jnp.ones((4, 1)), 0.1)
    assert still.converged
    np.testing.assert_array_equal(still.linear.weights, 0.0)
    np.testing.assert_allclose(still.linear.bias, 1.0)


@pytest.mark.parametrize(("x", "y"), [((5, 2), (4, 1)), ((5,), (5, 1)), ((0, 2), (0, 1))])
def test_shapes_that_do_not_fit_are_refused(x, y):
    with pytest.raises(ValueError, match="are wanted, got"):
        lasso.fit(jnp.ones(x), jnp.ones(y), 1.0)
