"""Oracles of dlnotes.generative.vae: ee147's KL divergence and evidence lower bound by quadrature and Monte Carlo."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from dlnotes.generative import vae

RNG = np.random.default_rng(13)
EXACT = {"rtol": 1e-12, "atol": 1e-12}
MEAN, LOG_VARIANCE = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))
NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
NODE_WEIGHTS = NODE_WEIGHTS / np.sqrt(2 * np.pi)  # Σ w f(node) = E f(ε), ε ~ N(0, 1)


def gaussian(mean=MEAN, log_variance=LOG_VARIANCE):
    return vae.Gaussian(jnp.asarray(mean), jnp.asarray(log_variance))


def printed_kl_terms(z, mean, log_variance):
    """ee147, KL(q‖p) = −Σ q(z) log p(z)/q(z): what is averaged over q, with p = N(0, I)."""
    q = stats.norm(mean, np.exp(log_variance / 2))
    return -(stats.norm.logpdf(z) - q.logpdf(z)).sum(axis=-1)


def log_likelihood(logits, x):
    return stats.bernoulli.logpmf(x, special.expit(logits)).sum(axis=-1)


def test_kl_divergence_is_the_printed_integral(float64):
    """ee147's sum over z as an integral, by Gauss and Hermite's rule, exact for these quadratic logarithms."""
    z = MEAN[..., None] + np.exp(LOG_VARIANCE / 2)[..., None] * NODES
    terms = printed_kl_terms(z[..., None], MEAN[..., None, None], LOG_VARIANCE[..., None, None])
    expected = (terms @ NODE_WEIGHTS).sum(axis=-1)
    np.testing.assert_allclose(vae.kl_divergence_to_standard_normal(gaussian()), expected, rtol=1e-11)


def test_kl_divergence_by_monte_carlo_over_our_samples(float64):
    noise = jax.random.normal(jax.random.key(1), (200_000, 4))
    posterior = gaussian(np.tile(MEAN[0], (len(noise), 1)), np.tile(LOG_VARIANCE[0], (len(noise), 1)))
    samples = np.asarray(vae.sample(posterior, noise))
    terms = printed_kl_terms(samples, MEAN[0], LOG_VARIANCE[0])
    ours = float(vae.kl_divergence_to_standard_normal(gaussian(MEAN[0], LOG_VARIANCE[0])))
    assert abs(terms.mean() - ours) < 4 * terms.std() / np.sqrt(len(terms))


def test_kl_divergence_keeps_its_digits_near_zero():
    """½(expm1 s − s) is s²/4 for small s = log σ²; exp(s) − 1 − s in float32 has no digit of it."""
    s = np.float32(1e-3)
    ours = vae.kl_divergence_to_standard_normal(gaussian(np.zeros(1, np.float32), np.full(1, s)))
    expected = (np.expm1(np.longdouble(s)) - np.longdouble(s)) / 2
    # Two units in the last place of s, 2⁻³³ each, are 5e-4 of s²/2, which is left of expm1(s) − s.
    assert float(ours) == pytest.approx(float(expected), rel=5e-4)
    assert float(vae.kl_divergence_to_standard_normal(gaussian(np.zeros(3), np.zeros(3)))) == 0.0


def test_samples_are_mean_plus_deviation_times_noise(float64):
    """ee147: x = μ + Σ^½ z with z ~ N(0, I)."""
    noise = RNG.normal(size=(3, 4))
    expected = np.stack([m + np.diag(np.exp(v)) ** 0.5 @ e for m, v, e in zip(MEAN, LOG_VARIANCE, noise, strict=True)])
    np.testing.assert_allclose(vae.sample(gaussian(), jnp.asarray(noise)), expected, **EXACT)


def test_reparameterized_gradients_are_those_of_the_expectation(float64):
    """E z² = μ² + σ²: derivatives 2μ and, with respect to log σ², σ²."""

    def mean_square(parameters):
        return sum(
            w * vae.sample(parameters, jnp.asarray([e]))[0] ** 2 for w, e in zip(NODE_WEIGHTS, NODES, strict=True)
        )

    gradient = jax.grad(mean_square)(gaussian(np.array([0.7]), np.array([-0.4])))
    np.testing.assert_allclose(gradient.mean, [1.4], rtol=1e-10)
    np.testing.assert_allclose(gradient.log_variance, [np.exp(-0.4)], rtol=1e-10)


def test_bernoulli_log_likelihood(float64):
    logits, x = 3 * RNG.normal(size=(5, 7)), RNG.integers(2, size=(5, 7))
    ours = vae.bernoulli_log_likelihood(jnp.asarray(logits), jnp.asarray(x, float))
    np.testing.assert_allclose(ours, log_likelihood(logits, x), rtol=1e-11)
    gray = RNG.uniform(size=(5, 7))
    expected = (gray * np.log(special.expit(logits)) + (1 - gray) * np.log(special.expit(-logits))).sum(axis=-1)
    np.testing.assert_allclose(vae.bernoulli_log_likelihood(jnp.asarray(logits), jnp.asarray(gray)), expected, **EXACT)
    far = vae.bernoulli_log_likelihood(jnp.asarray([-800.0, 800.0]), jnp.asarray([1.0, 1.0]))
    assert float(far) == -800.0


def test_elbo_is_a_lower_bound_whose_gap_is_the_posterior_s_divergence(float64):
    """ee147: log p(x) ≥ E_z log p(x|z) − KL(q(z|x)‖p(z)), with one latent, by quadrature; the gap is KL(q‖p(z|x))."""
    slope, bias, x = RNG.normal(size=(3, 6))
    x = (x > 0).astype(float)
    grid = np.linspace(-12, 12, 20_001)
    joint = stats.norm.pdf(grid) * np.exp(log_likelihood(grid[:, None] * slope + bias, x))
    evidence = np.log(np.trapezoid(joint, grid))
    for mean, log_variance in ((0.0, 0.0), (0.5, -1.0), (-1.0, 0.3)):
        q = gaussian(np.full((80, 1), mean), np.full((80, 1), log_variance))
        z = vae.sample(q, jnp.asarray(NODES[:, None]))
        estimates = vae.elbo(
            z * jnp.asarray(slope)[None] + jnp.asarray(bias)[None], q, jnp.tile(jnp.asarray(x), (80, 1))
        )
        elbo = float(NODE_WEIGHTS @ np.asarray(estimates))
        density = stats.norm(mean, np.exp(log_variance / 2)).pdf(grid)
        used = density > 1e-300
        gap = density[used] * (np.log(density[used]) - np.log(joint[used]) + evidence)
        assert elbo <= evidence
        # log σ(a) is no polynomial: 80 nodes integrate it to some 1e-8.
        assert elbo + np.trapezoid(gap, grid[used]) == pytest.approx(evidence, abs=1e-6)


def test_the_network_is_one_softplus_layer_each_way(float64):
    """Encoder x → softplus → (μ, log σ²), decoder z → softplus → logits; softplus = log(1 + eˣ) as lectures have it."""
    model = vae.VAE(pixels=6, hidden=5, latents=2)
    x, noise = RNG.uniform(size=(3, 6)), RNG.normal(size=(3, 2))
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.asarray(x), jnp.asarray(noise))
    params = jax.tree.map(lambda leaf: jnp.asarray(RNG.normal(size=leaf.shape)), shapes)
    encoder, decoder = params["params"]["encoder"], params["params"]["decoder"]

    def dense(layer, h):
        return h @ np.asarray(layer["kernel"]) + np.asarray(layer["bias"])

    h = np.log(1 + np.exp(dense(encoder["hidden_layer"], x)))
    mean, log_variance = dense(encoder["mean"], h), dense(encoder["log_variance"], h)
    z = mean + np.exp(log_variance / 2) * noise
    expected = dense(decoder["logits"], np.log(1 + np.exp(dense(decoder["hidden_layer"], z))))
    logits, posterior = model.apply(params, jnp.asarray(x), jnp.asarray(noise))
    np.testing.assert_allclose(posterior.mean, mean, **EXACT)
    np.testing.assert_allclose(posterior.log_variance, log_variance, **EXACT)
    np.testing.assert_allclose(logits, expected, rtol=1e-10)
    np.testing.assert_allclose(model.apply(params, jnp.asarray(z), method="decode"), expected, rtol=1e-10)
    np.testing.assert_allclose(model.apply(params, jnp.asarray(x), method="encode"), (mean, log_variance), **EXACT)
    one_sample = log_likelihood(expected, (x > 0.5) * 1) - np.asarray(vae.kl_divergence_to_standard_normal(posterior))
    np.testing.assert_allclose(vae.elbo(logits, posterior, jnp.asarray(x > 0.5, float)), one_sample, rtol=1e-9)
