"""The VAE: closed forms against NumPy, Monte Carlo and quadrature; the bound; gradients; transformations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dlnotes.generative import vae
from dlnotes.generative.vae import VAE, Gaussian

PIXELS, HIDDEN, LATENTS = 6, 5, 2


@pytest.fixture(scope="module")
def model():
    """A small VAE, its parameters moved away from zero biases, and inputs with noise, all in float64 NumPy."""
    k_init, k_x, k_noise, k_move = jax.random.split(jax.random.key(0), 4)
    x = jax.random.uniform(k_x, (4, PIXELS))
    noise = jax.random.normal(k_noise, (4, LATENTS))
    net = VAE(PIXELS, HIDDEN, LATENTS)
    leaves, tree = jax.tree.flatten(net.init(k_init, x, noise))
    keys = jax.random.split(k_move, len(leaves))
    moved = [p + 0.3 * jax.random.normal(k, p.shape) for p, k in zip(leaves, keys, strict=True)]
    params, x, noise = jax.tree.map(lambda a: np.asarray(a, np.float64), (tree.unflatten(moved), x, noise))
    return net, params, x, noise


def layer(params, *path):
    for name in path:
        params = params[name]
    return lambda inputs: inputs @ params["kernel"] + params["bias"]


def transcribed(params, x, noise):
    """The network in NumPy: softplus layers, z = μ + σε."""
    p = params["params"]
    h = np.logaddexp(0, layer(p, "encoder", "hidden_layer")(x))
    mean, log_variance = layer(p, "encoder", "mean")(h), layer(p, "encoder", "log_variance")(h)
    z = mean + np.sqrt(np.exp(log_variance)) * noise
    logits = layer(p, "decoder", "logits")(np.logaddexp(0, layer(p, "decoder", "hidden_layer")(z)))
    return logits, mean, log_variance


def transcribed_elbo(logits, mean, log_variance, x):
    p = 1 / (1 + np.exp(-logits))
    likelihood = (x * np.log(p) + (1 - x) * np.log(1 - p)).sum(-1)
    return likelihood - 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(-1)


def test_network_and_elbo_equal_numpy(model):
    net, params, x, noise = model
    with jax.enable_x64(True):
        logits, posterior = net.apply(params, x, noise)
        bound = vae.elbo(logits, posterior, x)
    want = transcribed(params, x, noise)
    for got, expected in zip((logits, *posterior), want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    np.testing.assert_allclose(bound, transcribed_elbo(*want, x), rtol=1e-12)


def test_published_size():
    shapes = jax.eval_shape(VAE(784).init, jax.random.key(0), jnp.zeros(784), jnp.zeros(50))
    encoder, decoder = 785 * 500 + 2 * 501 * 50, 51 * 500 + 501 * 784
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == encoder + decoder


def test_kl_equals_monte_carlo():
    rng = np.random.default_rng(0)
    mean, log_variance = np.array([0.5, -1.0, 0.0]), np.array([0.3, -2.0, 0.0])
    z = mean + np.exp(log_variance / 2) * rng.normal(size=(400_000, 3))
    log_q = -0.5 * ((z - mean) ** 2 / np.exp(log_variance) + log_variance).sum(-1)
    difference = log_q + 0.5 * (z**2).sum(-1)
    got = vae.kl_divergence_to_standard_normal(Gaussian(jnp.asarray(mean), jnp.asarray(log_variance)))
    assert got == pytest.approx(difference.mean(), abs=5 * difference.std() / np.sqrt(len(z)))


def test_kl_is_zero_at_the_prior_only_and_does_not_cancel_near_it():
    assert vae.kl_divergence_to_standard_normal(Gaussian(jnp.zeros(7), jnp.zeros(7))) == 0
    near = vae.kl_divergence_to_standard_normal(Gaussian(jnp.zeros(1), jnp.full(1, 1e-2)))
    assert near == pytest.approx((np.expm1(np.float64(1e-2)) - 1e-2) / 2, rel=1e-4)
    mean, log_variance = jnp.asarray(np.random.default_rng(1).normal(0, 2, (2, 1000, 1)), jnp.float32)
    assert bool(jnp.all(vae.kl_divergence_to_standard_normal(Gaussian(mean, log_variance)) > 0))


def test_bernoulli_log_likelihood_is_a_probability_and_survives_large_logits():
    logits = jnp.array([1.5, -0.5, 0.2])
    outcomes = jnp.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)], jnp.float32)
    each = jax.vmap(lambda x: vae.bernoulli_log_likelihood(logits, x))(outcomes)
    assert jnp.exp(each).sum() == pytest.approx(1.0, rel=1e-6)
    assert each[4] == pytest.approx(np.log(1 / (1 + np.exp(-1.5)) / (1 + np.exp(-0.5)) / (1 + np.exp(0.2))), rel=1e-6)
    assert vae.bernoulli_log_likelihood(jnp.array([200.0, 200.0]), jnp.array([1.0, 0.0])) == pytest.approx(-200.0)


def test_samples_have_the_moments_of_the_gaussian():
    noise = jax.random.normal(jax.random.key(2), (200_000, 2))
    gaussian = Gaussian(jnp.array([1.0, -2.0]), jnp.log(jnp.array([4.0, 0.25])))
    z = np.asarray(jax.vmap(lambda e: vae.sample(gaussian, e))(noise))
    np.testing.assert_allclose(z.mean(0), [1, -2], atol=5 * 2 / np.sqrt(len(z)))
    np.testing.assert_allclose(z.var(0), [4, 0.25], rtol=5 * np.sqrt(2 / len(z)))


def test_reparameterized_gradient_is_that_of_the_expectation():
    """E[z²] = μ² + σ²: the gradient is 2μ in μ and σ² in log σ²."""
    noise = jax.random.normal(jax.random.key(3), (400_000, 1))

    def expectation(posterior):
        return jnp.mean(jax.vmap(lambda e: vae.sample(posterior, e) ** 2)(noise))

    gradient = jax.grad(expectation)(Gaussian(jnp.array([0.7]), jnp.log(jnp.array([0.5]))))
    assert gradient.mean[0] == pytest.approx(1.4, abs=5 * 2 * np.sqrt(0.5 / 400_000))
    assert gradient.log_variance[0] == pytest.approx(0.5, abs=5 * 1.0 / np.sqrt(400_000))


def test_fresh_noise_in_the_backward_pass_loses_the_gradient():
    """ee147 resamples in the backward pass: then the variance's gradient averages to 0, not to σ² of E[z²]."""
    forward, backward = jax.random.normal(jax.random.key(4), (2, 400_000))
    mean, variance = 0.0, 0.5
    z = mean + np.sqrt(variance) * np.asarray(forward)
    resampled = np.mean(2 * z * 0.5 * np.sqrt(variance) * np.asarray(backward))
    assert resampled == pytest.approx(0.0, abs=5 * 0.5 / np.sqrt(400_000))


def test_elbo_is_below_log_p_by_the_divergence_to_the_posterior(model):
    """One latent, by quadrature: E_q[log p(x|z)] − KL(q‖p) = log p(x) − KL(q ‖ p(z|x))."""
    _, _, x, _ = model
    net = VAE(PIXELS, HIDDEN, 1)
    params = net.init(jax.random.key(5), jnp.zeros(PIXELS), jnp.zeros(1))
    x = jnp.round(jnp.asarray(x[0], jnp.float32))
    q = Gaussian(*(2 * part + 0.5 for part in net.apply(params, x, method="encode")))
    z = np.linspace(-40, 40, 40_001)
    decode = jax.vmap(lambda one: vae.bernoulli_log_likelihood(net.apply(params, one[None], method="decode"), x))
    likelihood = np.asarray(decode(jnp.asarray(z, jnp.float32)), np.float64)
    mean, variance = float(q.mean[0]), float(jnp.exp(q.log_variance[0]))
    log_prior = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
    log_q = -0.5 * (z - mean) ** 2 / variance - 0.5 * np.log(2 * np.pi * variance)
    log_p = np.log(np.trapezoid(np.exp(likelihood + log_prior), z))
    to_posterior = np.trapezoid(np.exp(log_q) * (log_q - (likelihood + log_prior - log_p)), z)
    bound = np.trapezoid(np.exp(log_q) * likelihood, z) - float(vae.kl_divergence_to_standard_normal(q))
    assert to_posterior > 0.01
    assert bound == pytest.approx(log_p - to_posterior, abs=2e-5)
    noise = jax.random.normal(jax.random.key(6), (50_000, 1))
    logits = jax.vmap(lambda e: net.apply(params, vae.sample(q, e), method="decode"))(noise)
    each = np.asarray(jax.vmap(lambda a: vae.elbo(a, q, x))(logits))
    assert each.mean() == pytest.approx(bound, abs=5 * each.std() / np.sqrt(len(each)))


def test_gradients_equal_differences(model):
    net, params, x, noise = model
    with jax.enable_x64(True):
        check_grads(lambda p, x: vae.elbo(*net.apply(p, x, noise), x).sum(), (params, x), order=1, modes=("rev", "fwd"))


def test_jit_equals_eager_and_vmap_equals_loop(model):
    net, params, x, noise = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32) if hasattr(a, "shape") else a, model)

    def bound(x, noise):
        return vae.elbo(*net.apply(params, x, noise), x)

    whole = bound(x, noise)
    assert whole.shape == (4,)
    np.testing.assert_allclose(jax.jit(bound)(x, noise), whole, rtol=1e-5)
    np.testing.assert_allclose(jax.vmap(bound)(x, noise), whole, rtol=1e-5)
    np.testing.assert_allclose([bound(a, e) for a, e in zip(x, noise, strict=True)], whole, rtol=1e-5)
