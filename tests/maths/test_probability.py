"""Changed variables against SciPy's densities, Gaussians against Monte Carlo, and what maximum likelihood minimizes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.stats
from jax.scipy.special import entr, rel_entr, xlogy

from dlnotes.generative import vae
from dlnotes.maths import probability
from dlnotes.maths.probability import Gaussian

RNG = np.random.default_rng(0)
P = Gaussian(np.array([0.3, -1.0]), np.array([0.5, 2.0]))
Q = Gaussian(np.array([0.0, 0.5]), np.array([1.0, 1.5]))


def normal(y):
    return jnp.sum(jax.scipy.stats.norm.logpdf(y))


@pytest.mark.usefixtures("float64")
def test_densities_of_known_transformations():
    x = jnp.linspace(0.2, 5.0, 7)
    lognormal = jax.vmap(lambda x: probability.log_prob_transformed(normal, jnp.log, x))(x)
    np.testing.assert_allclose(lognormal, scipy.stats.lognorm.logpdf(x, 1.0), rtol=1e-12)
    a = jnp.asarray(RNG.normal(size=(3, 3)))
    at = jnp.asarray(RNG.normal(size=3))
    got = probability.log_prob_transformed(normal, lambda x: jnp.linalg.inv(a) @ x, at)
    np.testing.assert_allclose(got, scipy.stats.multivariate_normal.logpdf(at, np.zeros(3), a @ a.T), rtol=1e-10)
    image = jnp.reshape(at[:2], (1, 2))
    got = probability.log_prob_transformed(normal, lambda x: 2 * x[0, ::-1], image)
    np.testing.assert_allclose(got, normal(2 * image) + 2 * np.log(2))


@pytest.mark.usefixtures("float64")
def test_a_changed_density_has_mass_one_and_without_the_determinant_it_has_not():
    def bend(x):
        return x + 0.8 * jnp.tanh(2 * x)

    x = jnp.linspace(-9, 9, 4001)
    density = jnp.exp(jax.jit(jax.vmap(lambda x: probability.log_prob_transformed(normal, bend, x)))(x))
    np.testing.assert_allclose(np.trapezoid(density, x), 1, rtol=1e-9)
    assert abs(np.trapezoid(jnp.exp(jax.vmap(lambda x: normal(bend(x)))(x)), x) - 1) > 0.2


def test_maps_that_lose_or_fold_space():
    with pytest.raises(ValueError, match=r"got \(3,\) → \(2,\)"):
        probability.log_prob_transformed(normal, lambda x: x[:2], jnp.ones(3))
    flat = probability.log_prob_transformed(normal, lambda x: jnp.stack([x[0], x[0]]), jnp.ones(2))
    assert flat == -jnp.inf


@pytest.mark.usefixtures("float64")
def test_gaussians_agree_with_monte_carlo_and_scipy():
    draws = np.asarray(P.mean) + np.asarray(P.deviation) * RNG.normal(size=(400_000, 2))
    log_p, log_q = (scipy.stats.norm.logpdf(draws, g.mean, g.deviation).sum(1) for g in (P, Q))
    error = 5 * np.std(log_p - log_q) / np.sqrt(len(draws))
    np.testing.assert_allclose(probability.gaussian_kl_divergence(P, Q), np.mean(log_p - log_q), atol=error)
    np.testing.assert_allclose(
        probability.gaussian_entropy(P), scipy.stats.norm.entropy(P.mean, P.deviation).sum(), rtol=1e-12
    )
    crossed = probability.gaussian_entropy(P) + probability.gaussian_kl_divergence(P, Q)
    np.testing.assert_allclose(crossed, -np.mean(log_q), atol=5 * np.std(log_q) / np.sqrt(len(draws)))


def test_divergence_is_never_negative_zero_at_itself_and_the_encoders_for_a_standard_normal():
    rows = jnp.asarray(RNG.normal(size=(4, 50, 3)), jnp.float32)
    p, q = Gaussian(rows[0], jnp.exp(rows[1])), Gaussian(rows[2], jnp.exp(rows[3]))
    divergence = jax.jit(probability.gaussian_kl_divergence)(p, q)
    assert divergence.shape == (50,)
    assert (divergence > 0).all()
    assert (np.asarray(probability.gaussian_kl_divergence(p, p)) == 0).all()
    assert abs(np.asarray(divergence - probability.gaussian_kl_divergence(q, p))).min() > 1e-3
    standard = Gaussian(jnp.zeros_like(rows[0]), jnp.ones_like(rows[0]))
    theirs = vae.kl_divergence_to_standard_normal(vae.Gaussian(p.mean, 2 * jnp.log(p.deviation)))
    np.testing.assert_allclose(probability.gaussian_kl_divergence(p, standard), theirs, rtol=1e-5)


@pytest.mark.usefixtures("float64")
def test_over_a_few_values_jax_has_all_of_it():
    p, q = (jnp.asarray(RNG.dirichlet(np.ones(5))) for _ in range(2))
    p = jnp.array([0.0, *p[1:]]) / p[1:].sum()
    np.testing.assert_allclose(entr(p).sum(), scipy.stats.entropy(p), rtol=1e-12)
    np.testing.assert_allclose(rel_entr(p, q).sum(), scipy.stats.entropy(p, q), rtol=1e-12)
    np.testing.assert_allclose(optax.losses.kl_divergence(jnp.log(q), p), rel_entr(p, q).sum(), rtol=1e-12)
    np.testing.assert_allclose(-xlogy(p, q).sum(), entr(p).sum() + rel_entr(p, q).sum(), rtol=1e-12)
    np.testing.assert_allclose(optax.losses.softmax_cross_entropy(jnp.log(q), p), -xlogy(p, q).sum(), rtol=1e-12)
    assert entr(p).sum() < np.log(5)
    assert rel_entr(p, q).sum() > 0 == rel_entr(p, p).sum()


@pytest.mark.usefixtures("float64")
def test_maximum_likelihood_minimizes_the_divergence_and_the_cross_entropy():
    """Of one family of distributions, fitted to counts: the same parameter is best for all three, and no other."""
    counts = jnp.array([3.0, 7, 12, 5, 1])
    empirical = counts / counts.sum()
    thetas = jnp.linspace(0.01, 0.99, 981)
    k = jnp.arange(5)
    ways = jnp.array([1.0, 4, 6, 4, 1])
    model = jax.vmap(lambda t: ways * jnp.exp(xlogy(k, t) + xlogy(4 - k, 1 - t)))(thetas)
    likelihood = (counts[None] * jnp.log(model)).sum(1)
    divergence = rel_entr(empirical[None], model).sum(1)
    crossed = -xlogy(empirical[None], model).sum(1)
    best = likelihood.argmax()
    assert best == divergence.argmin() == crossed.argmin()
    np.testing.assert_allclose(thetas[best], (counts @ k) / counts.sum() / 4, atol=1e-3)
    np.testing.assert_allclose(divergence, -likelihood / counts.sum() - entr(empirical).sum(), rtol=1e-9)


def test_covariance_and_correlation_are_numpys():
    x = RNG.normal(size=(40, 3)) @ np.array([[1.0, 0.5, 0], [0, 1, 0], [0, 0, 3]])
    centered = x - x.mean(0)
    np.testing.assert_allclose(jnp.cov(x, rowvar=False, bias=True), centered.T @ centered / 40, atol=1e-4)  # divisor m
    d = np.diag(1 / centered.std(0))
    np.testing.assert_allclose(jnp.corrcoef(x, rowvar=False), d @ (centered.T @ centered / 40) @ d, atol=1e-5)
