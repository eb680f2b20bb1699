"""Least squares and ridge against NumPy and scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

from dlnotes.classical import ridge


@pytest.fixture(scope="module")
def data():
    x, y = load_diabetes(return_X_y=True)
    return np.asarray(x), np.column_stack([y, np.asarray(y) ** 2 / 100])


@pytest.mark.parametrize("n", [442, 15], ids=["tall", "short"])
@pytest.mark.parametrize("intercept", [True, False])
def test_it_is_scikit_learns(float64, data, n, intercept):
    x, y = data[0][:n], data[1][:n]
    for strength in (1e-3, 0.7):
        theirs = Ridge(strength, fit_intercept=intercept, solver="svd").fit(x, y)
        mine = ridge.fit(jnp.asarray(x), jnp.asarray(y), strength, intercept=intercept)
        np.testing.assert_allclose(mine.weights, theirs.coef_.T, rtol=1e-8)
        np.testing.assert_allclose(mine.bias, theirs.intercept_ if intercept else 0.0, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(ridge.predict(mine, jnp.asarray(x)), theirs.predict(x), rtol=1e-8)


def test_a_path_is_as_many_fits(float64, data):
    x, y = map(jnp.asarray, data)
    strengths = jnp.geomspace(1e-4, 1e2, 7)
    path = ridge.fit(x, y, strengths)
    assert path.weights.shape == (7, 10, 2)
    assert ridge.predict(path, x).shape == (7, 442, 2)
    mapped = jax.jit(jax.vmap(lambda s: ridge.fit(x, y, s)))(strengths)
    for i, strength in enumerate(strengths):
        alone = ridge.fit(x, y, strength)
        np.testing.assert_allclose(path.weights[i], alone.weights, rtol=1e-9)
        np.testing.assert_allclose(mapped.bias[i], alone.bias, rtol=1e-9)


def test_without_penalty_it_is_the_pseudoinverse_even_where_columns_repeat(float64, data):
    x = np.column_stack([data[0], data[0][:, 0], np.zeros(442)])  # one column twice, and one of zeros
    y = data[1]
    mine = ridge.fit(jnp.asarray(x), jnp.asarray(y), intercept=False)
    np.testing.assert_allclose(mine.weights, np.linalg.pinv(x) @ y, rtol=1e-7, atol=1e-7)
    assert np.all(mine.weights[-1] == 0)


def test_along_each_eigenvector_the_share_is_the_printed_one(float64, data):
    x, y = data[0] - data[0].mean(0), data[1] - data[1].mean(0)
    values, vectors = np.linalg.eigh(x.T @ x)
    whole, shrunk = (vectors.T @ ridge.fit(jnp.asarray(x), jnp.asarray(y), s).weights for s in (0.0, 0.05))
    np.testing.assert_allclose(shrunk / whole, np.repeat((values / (values + 0.05))[:, None], 2, 1), rtol=1e-6)
    np.testing.assert_allclose(ridge.shrinkage(jnp.asarray(x), 0.05), values / (values + 0.05), rtol=1e-8)


def test_the_intercept_is_not_penalized(float64, data):
    x, y = map(jnp.asarray, data)
    a, b = ridge.fit(x, y, 10.0), ridge.fit(x, y + 1000.0, 10.0)
    np.testing.assert_allclose(a.weights, b.weights, rtol=1e-8)
    np.testing.assert_allclose(b.bias - a.bias, 1000.0)


def test_float32_stays_and_gradients_flow(data):
    x, y = (jnp.asarray(part, jnp.float32) for part in data)
    assert ridge.fit(x, y, 0.1).weights.dtype == jnp.float32
    slope = jax.grad(lambda s: (ridge.predict(ridge.fit(x, y, s), x) ** 2).mean())(0.1)
    assert np.isfinite(slope)


@pytest.mark.parametrize(("x", "y"), [((5, 2), (4, 1)), ((5,), (5, 1)), ((5, 2), (5,)), ((0, 2), (0, 1))])
def test_shapes_that_do_not_fit_are_refused(x, y):
    with pytest.raises(ValueError, match="are wanted, got"):
        ridge.fit(jnp.ones(x), jnp.ones(y))
