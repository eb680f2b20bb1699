"""Factor models against scikit-learn, closed forms and their own samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import FactorAnalysis

from dlnotes.classical import factor_analysis as fa


@pytest.fixture
def x():
    rng = np.random.default_rng(0)
    w = rng.normal(size=(6, 2)) * 2
    return rng.normal(size=(400, 2)) @ w.T + rng.normal(size=(400, 6)) * [0.3, 0.5, 1, 1.5, 2, 1] + np.arange(6)


def test_factor_analysis_is_scikit_learns(float64, x):
    theirs = FactorAnalysis(2, tol=1e-12, max_iter=20_000, svd_method="lapack").fit(x)
    mine = fa.fit(jnp.asarray(x), 2, steps=3000)
    np.testing.assert_allclose(fa.log_density(mine, x).mean(), theirs.score(x), rtol=1e-7)
    np.testing.assert_allclose(mine.noise, theirs.noise_variance_, rtol=1e-3)
    np.testing.assert_allclose(fa.covariance(mine), theirs.get_covariance(), rtol=1e-3, atol=1e-3)
    rotation = np.linalg.lstsq(np.asarray(fa.predict(mine, x)), theirs.transform(x))[0]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(2), atol=2e-3)  # factors are known up to a rotation


def test_likelihood_rises_from_probabilistic_pca_to_factor_analysis(float64, x):
    values = [fa.log_density(fa.fit(jnp.asarray(x), 2, steps=k), x).mean() for k in (0, 1, 5, 50)]
    assert np.diff(values).min() > 1e-4


def test_probabilistic_pca_is_where_the_likelihood_is_flat(float64, x):
    best = fa.fit_ppca(jnp.asarray(x), 2)

    def likelihood(w, log_sigma2):
        return fa.log_density(best._replace(loadings=w, noise=jnp.full(6, jnp.exp(log_sigma2))), x).mean()

    for gradient in jax.grad(likelihood, (0, 1))(best.loadings, jnp.log(best.noise[0])):
        np.testing.assert_allclose(gradient, 0, atol=1e-9)
    values = np.linalg.eigvalsh(np.cov(x.T, ddof=0))
    np.testing.assert_allclose(best.noise, values[:4].mean())


def test_both_forms_of_the_posterior_are_one(float64, x):
    model = fa.fit(jnp.asarray(x), 2, steps=10)
    w, psi = np.asarray(model.loadings), np.diag(model.noise)
    np.testing.assert_allclose(fa.posterior_map(model), w.T @ np.linalg.inv(w @ w.T + psi), rtol=1e-8)


def test_samples_have_the_models_moments(float64, x):
    model = fa.fit_ppca(jnp.asarray(x), 2)
    drawn = fa.sample(jax.random.key(0), model, 100_000)
    np.testing.assert_allclose(drawn.mean(0), model.mean, atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), fa.covariance(model), atol=0.2)


@pytest.mark.parametrize("factors", [0, 6])
def test_as_many_factors_as_features_are_refused(x, factors):
    with pytest.raises(ValueError, match="more features than factors"):
        fa.fit(jnp.asarray(x), factors)
