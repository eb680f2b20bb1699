"""Principal components against scikit-learn, and what they are by definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from dlnotes.classical import pca

DIGITS = np.asarray(load_digits().data)


@pytest.mark.parametrize("n", [40, 1797], ids=["by the SVD", "by the covariance"])
def test_it_is_scikit_learns(float64, n):
    x = DIGITS[:n]
    theirs = PCA(5, svd_solver="full").fit(x)
    mine = pca.fit(jnp.asarray(x), 5)
    np.testing.assert_allclose(mine.variances, theirs.explained_variance_, rtol=1e-9)
    np.testing.assert_allclose(np.abs((np.asarray(mine.components) * theirs.components_).sum(1)), 1, rtol=1e-9)
    sign = np.sign((np.asarray(mine.components) * theirs.components_).sum(1))
    np.testing.assert_allclose(np.asarray(pca.transform(mine, x)) * sign, theirs.transform(x), atol=1e-6)
    np.testing.assert_allclose(
        pca.reconstruct(mine, pca.transform(mine, x)), theirs.inverse_transform(theirs.transform(x)), atol=1e-6
    )


def test_whitened_data_have_the_identity_as_covariance(float64):
    x = jnp.asarray(DIGITS)
    white = pca.whiten(pca.fit(x, 20), x)
    np.testing.assert_allclose(np.cov(white.T), np.eye(20), atol=1e-9)


def test_a_direction_without_variance_is_zero_not_nan():
    x = jnp.asarray(np.column_stack([np.arange(6.0), np.ones(6), np.ones(6)]), jnp.float32)
    white = pca.whiten(pca.fit(x, 3), x)
    assert np.isfinite(white).all()
    np.testing.assert_allclose(white[:, 1:], 0, atol=1e-3)


def test_centring_matters(float64):
    x = np.random.default_rng(0).normal(size=(200, 3)) * [5, 1, 1] + [0, 0, 200]
    first = pca.fit(jnp.asarray(x), 1).components[0]
    np.testing.assert_allclose(np.abs(first), [1, 0, 0], atol=0.1)
    uncentred = np.linalg.svd(x)[2][0]
    np.testing.assert_allclose(np.abs(uncentred), [0, 0, 1], atol=0.1)


def test_jit_is_eager_vmap_is_a_loop():
    x = jnp.asarray(DIGITS[:60].reshape(3, 20, 64), jnp.float32)[:, :, 20:30]
    together = jax.jit(jax.vmap(lambda x: pca.fit(x, 2)))(x)
    for i in range(3):
        for a, b in zip(pca.fit(x[i], 2), together, strict=True):
            np.testing.assert_allclose(a, b[i], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("shape", "components"), [((1, 3), 1), ((5, 3), 4), ((5, 3), 0)])
def test_what_cannot_be_is_refused(shape, components):
    with pytest.raises(ValueError, match="components are wanted"):
        pca.fit(jnp.ones(shape), components)
