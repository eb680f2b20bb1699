"""Mixtures of Gaussians against scikit-learn's EM from the same start, and EM's laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from dlnotes.classical import mixture


@pytest.fixture
def x():
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(60, 2)) @ a + m for a, m in [
        (np.array([[1.0, 0.5], [0, 0.5]]), [0, 0]), (np.eye(2) * 0.7, [3, 1]), (np.array([[0.3, 0], [0.4, 1]]), [-2, 3])
    ]]  # fmt: skip
    return np.concatenate(parts)


def begin(x, means):
    covariance = np.cov(x.T, ddof=0)
    return mixture.Mixture(jnp.full(3, 1 / 3), jnp.asarray(means), jnp.stack([jnp.asarray(covariance)] * 3))


def test_it_takes_scikit_learns_steps(float64, x):
    start = begin(x, x[[0, 70, 130]])
    theirs = GaussianMixture(
        3, tol=1e-6, reg_covar=1e-6, max_iter=200, weights_init=np.full(3, 1 / 3), means_init=x[[0, 70, 130]],
        precisions_init=np.linalg.inv(np.asarray(start.covariances)),
    ).fit(x)  # fmt: skip
    mine = mixture.fit(jnp.asarray(x), start, tol=1e-6, max_steps=200)
    assert mine.converged
    np.testing.assert_allclose(mine.mixture.weights, theirs.weights_, rtol=1e-8)
    np.testing.assert_allclose(mine.mixture.means, theirs.means_, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(mine.mixture.covariances, theirs.covariances_, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(mine.log_likelihood, theirs.score(x), rtol=1e-10)
    np.testing.assert_allclose(mixture.log_density(mine.mixture, x), theirs.score_samples(x), rtol=1e-8)
    np.testing.assert_allclose(mixture.responsibilities(mine.mixture, x), theirs.predict_proba(x), atol=1e-8)
    np.testing.assert_array_equal(mixture.predict(mine.mixture, x), theirs.predict(x))


def test_the_likelihood_never_falls(float64, x):
    start = mixture.start(jax.random.key(1), jnp.asarray(x), 3)
    values = [mixture.fit(jnp.asarray(x), start, tol=0.0, max_steps=k, ridge=0.0).log_likelihood for k in range(12)]
    assert np.diff(values).min() > -1e-12
    assert values[-1] > values[0] + 0.1


def test_one_component_is_the_likeliest_gaussian(float64, x):
    found = mixture.fit(jnp.asarray(x), mixture.start(jax.random.key(0), jnp.asarray(x), 1), ridge=0.0).mixture
    np.testing.assert_allclose(found.means[0], x.mean(0))
    np.testing.assert_allclose(found.covariances[0], np.cov(x.T, ddof=0))


def test_many_starts_at_once_are_as_many_runs(x):
    data = jnp.asarray(x, jnp.float32)

    def go(key):
        return mixture.fit(data, mixture.start(key, data, 3))

    keys = jax.random.split(jax.random.key(2), 3)
    together = jax.jit(jax.vmap(go))(keys)
    alone = [go(key).log_likelihood for key in keys]
    np.testing.assert_allclose(together.log_likelihood, alone, rtol=1e-3)
    assert together.steps.max() > together.steps.min()  # each stops by itself


def test_far_examples_do_not_underflow(x):
    found = mixture.Mixture(jnp.full(2, 0.5), jnp.zeros((2, 2)), jnp.stack([jnp.eye(2)] * 2))
    far = jnp.full((1, 2), 1e3)
    assert np.isfinite(mixture.log_density(found, far)).all()
    np.testing.assert_allclose(mixture.responsibilities(found, far), 0.5)


def test_too_many_components_are_refused():
    with pytest.raises(ValueError, match="1 to 4 components are wanted for 4 examples, got 5"):
        mixture.start(jax.random.key(0), jnp.ones((4, 2)), 5)
