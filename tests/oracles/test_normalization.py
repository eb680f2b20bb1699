"""Oracles of dlnotes.nn.normalization: batch normalization forward and backward as the notes print it, unit by unit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.nn import normalization as bn

RNG = np.random.default_rng(4)
INPUTS = {"dense": 3 * RNG.normal(size=(7, 4)) + 5, "image": RNG.gamma(2.0, size=(3, 4, 5, 2)) - 1}
SCALE, OFFSET = np.array([0.7, -1.3, 2.0, 0.1]), np.array([0.2, 5.0, -1.0, 0.0])
EXACT = {"rtol": 1e-12, "atol": 1e-12}  # float64; variances near 1, so no cancellation worth a digit


def each_unit(x: np.ndarray):
    """Index and values of every unit; the pixels of an image count as examples."""
    return enumerate(x.reshape(-1, x.shape[-1]).T)


def printed_forward(x: np.ndarray, epsilon: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """ee147 Normalization, with the sum over j that its σ² lacks: (y, x̂, μ, σ²)."""
    x_hat, mu, var = np.empty_like(x), [], []
    for i, values in each_unit(x):
        m = len(values)
        mu_i = sum(values) / m
        var_i = sum((value - mu_i) ** 2 for value in values) / m
        x_hat.reshape(-1, x.shape[-1])[:, i] = (values - mu_i) / np.sqrt(var_i + epsilon)
        mu.append(mu_i)
        var.append(var_i)
    return SCALE[: x.shape[-1]] * x_hat + OFFSET[: x.shape[-1]], x_hat, np.array(mu), np.array(var)


def printed_backward(x, dy, epsilon):
    """ee147 Normalization, backprop of batch norm by its graph: (∂L/∂x, ∂L/∂γ, ∂L/∂β)."""
    _, x_hat, mu, var = printed_forward(x, epsilon)
    dx, dgamma, dbeta = np.empty_like(x), [], []
    for i, values in each_unit(x):
        m, dy_i, root = len(values), dy.reshape(-1, dy.shape[-1])[:, i], np.sqrt(var[i] + epsilon)
        dbeta.append(dy_i.sum())
        dgamma.append((dy_i * x_hat.reshape(-1, x.shape[-1])[:, i]).sum())
        dx_hat = dy_i * SCALE[i]
        da = dx_hat / root
        de = -0.5 / (var[i] + epsilon) ** 1.5 * (values - mu[i]) * dx_hat
        dvar = de.sum()
        dmu = -dx_hat.sum() / root - dvar * 2 / m * (values - mu[i]).sum()
        dx.reshape(-1, x.shape[-1])[:, i] = da + 2 * (values - mu[i]) / m * dvar + dmu / m
    return dx, np.array(dgamma), np.array(dbeta)


@pytest.mark.parametrize("epsilon", [bn.EPSILON, 0.0, 0.3])  # ee147 and formulas 2.6.1; cs182 4.3 without; a large one
@pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)
def test_batch_norm_forward_is_as_printed(float64, x, epsilon):
    y, x_hat, mu, var = printed_forward(x, epsilon)
    moments = bn.batch_moments(jnp.asarray(x))
    units = x.shape[-1]
    np.testing.assert_allclose(moments.mean, mu, **EXACT)
    np.testing.assert_allclose(moments.variance, var, **EXACT)
    np.testing.assert_allclose(bn.normalize(jnp.asarray(x), moments, epsilon), x_hat, **EXACT)
    ours = bn.batch_norm(jnp.asarray(x), jnp.asarray(SCALE[:units]), jnp.asarray(OFFSET[:units]), epsilon)
    np.testing.assert_allclose(ours, y, **EXACT)


@pytest.mark.parametrize("epsilon", [bn.EPSILON, 0.3])
@pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)
def test_batch_norm_backward_is_as_printed(float64, x, epsilon):
    dy, units = np.random.default_rng(5).normal(size=x.shape), x.shape[-1]

    def loss(x, scale, offset):
        return (jnp.asarray(dy) * bn.batch_norm(x, scale, offset, epsilon)).sum()

    ours = jax.grad(loss, argnums=(0, 1, 2))(jnp.asarray(x), jnp.asarray(SCALE[:units]), jnp.asarray(OFFSET[:units]))
    for mine, theirs in zip(ours, printed_backward(x, dy, epsilon), strict=True):
        np.testing.assert_allclose(mine, theirs, **EXACT)


def test_a_batch_of_one_passes_no_gradient_back(float64):
    x = np.array([[1.0, -2.0, 0.5, 9.0]])
    dy = np.array([[1.0, 2.0, 3.0, 4.0]])
    ours = jax.grad(lambda x: (dy * bn.batch_norm(x, jnp.asarray(SCALE), jnp.asarray(OFFSET))).sum())(jnp.asarray(x))
    np.testing.assert_array_equal(ours, np.zeros((1, 4)))
    np.testing.assert_allclose(printed_backward(x, dy, bn.EPSILON)[0], np.zeros((1, 4)), atol=1e-12)


def test_gamma_and_beta_can_undo_it(float64):
    x = INPUTS["dense"]
    _, _, mu, var = printed_forward(x, bn.EPSILON)
    undone = bn.batch_norm(jnp.asarray(x), jnp.asarray(np.sqrt(var + bn.EPSILON)), jnp.asarray(mu))
    np.testing.assert_allclose(undone, x, **EXACT)


def test_running_moments_are_the_weighted_sums(float64):
    """formulas 2.6.3 unrolled: v_t = (1 − β) Σ_k β^(t−k) μ_k, over the sum of its weights, 1 − βᵗ."""
    decay, means, variances = 0.8, RNG.normal(size=(6, 3)), RNG.gamma(2.0, size=(6, 3))
    running = bn.running_moments(3)
    for t in range(1, 7):
        moments = bn.Moments(jnp.asarray(means[t - 1]), jnp.asarray(variances[t - 1]))
        running = bn.update_running(running, moments, decay)
        weights = (1 - decay) * decay ** np.arange(t - 1, -1, -1.0)
        np.testing.assert_allclose(running.moments.mean, weights @ means[:t], **EXACT)
        np.testing.assert_allclose(running.moments.variance, weights @ variances[:t], **EXACT)
        corrected = bn.correct_bias(running, decay)
        np.testing.assert_allclose(corrected.mean, weights @ means[:t] / weights.sum(), **EXACT)
        np.testing.assert_allclose(corrected.variance, weights @ variances[:t] / weights.sum(), **EXACT)
        assert int(running.seen) == t


def test_pooled_moments_are_those_of_the_whole_set(float64):
    """cs182 4.3, at test time: mean and variance of all training data."""
    batches = RNG.normal(size=(5, 8, 3)) + 4 * RNG.normal(size=(5, 1, 3))
    pooled = bn.pool_moments(jax.vmap(bn.batch_moments)(jnp.asarray(batches)))
    np.testing.assert_allclose(pooled.mean, batches.reshape(40, 3).mean(axis=0), **EXACT)
    np.testing.assert_allclose(pooled.variance, batches.reshape(40, 3).var(axis=0), **EXACT)


@pytest.mark.parametrize("epsilon", [1e-5, 0.5])
def test_whitening_is_the_inverse_root_of_the_covariance(float64, epsilon):
    """ee147: Σ^(−1/2)(x − μ), the symmetric root, of Σ + ε I."""
    x = RNG.normal(size=(30, 4)) @ RNG.normal(size=(4, 4)) + 2
    centered = x - x.mean(axis=0)
    covariance = sum(np.outer(row, row) for row in centered) / len(x)
    values, axes = np.linalg.eig(covariance + epsilon * np.eye(4))
    expected = np.array([axes @ np.diag(values**-0.5) @ np.linalg.inv(axes) @ row for row in centered])
    # The root of a condition of some hundreds; NumPy's nonsymmetric eigenvectors lose more digits than ours.
    np.testing.assert_allclose(bn.whiten(jnp.asarray(x), epsilon), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(6, 4), (6, 2, 3, 4)])
@pytest.mark.parametrize("normalize", [0.0, 1.0])
@pytest.mark.parametrize("amount", [0.0, 0.25, 1.0])
def test_treat_is_bias_or_batch_norm_and_then_noise(float64, shape, normalize, amount):
    x, m, s = RNG.normal(size=shape) * 2 + 1, RNG.normal(size=(6, 4)), RNG.normal(size=(6, 4)) + 1
    expected = printed_forward(x, bn.EPSILON)[0] if normalize else x + OFFSET
    each = (6, *(1,) * (len(shape) - 2), 4)  # alike at all positions of a channel
    expected = (1 - amount) * expected + amount * (s.reshape(each) * expected + m.reshape(each))
    noise = bn.Noise(jnp.asarray(m), jnp.asarray(s))
    scale, offset, treatment = jnp.asarray(SCALE), jnp.asarray(OFFSET), bn.Treatment(normalize, amount)
    np.testing.assert_allclose(bn.treat(jnp.asarray(x), scale, offset, treatment, noise), expected, **EXACT)
    params = {"params": {"scale": scale, "offset": offset}}
    layer = bn.Normalization().apply(params, jnp.asarray(x), treatment, noise)
    np.testing.assert_allclose(layer, expected, **EXACT)


def test_treat_at_test_time_takes_the_given_moments(float64):
    x, mu, var = INPUTS["dense"], RNG.normal(size=4), RNG.gamma(2.0, size=4)
    expected = SCALE * (x - mu) / np.sqrt(var + 1e-5) + OFFSET
    moments = bn.Moments(jnp.asarray(mu), jnp.asarray(var))
    ours = bn.treat(jnp.asarray(x), jnp.asarray(SCALE), jnp.asarray(OFFSET), bn.BATCH_NORM, moments=moments)
    np.testing.assert_allclose(ours, expected, **EXACT)


def test_injected_noise_has_the_stated_distribution():
    batch, units = 400, 3000
    noise = bn.covariate_noise(jax.random.key(6), batch, units)
    m, s = np.asarray(noise.m, np.float64), np.asarray(noise.s, np.float64)
    assert m.shape == s.shape == (batch, units)
    # A unit's mean is known to 0.1/√(3·400) = 0.003 for m and 0.1/√400 = 0.005 for s; variances to √(2/3000) = 3 %.
    assert np.abs(m.mean(axis=0)).max() < 0.5 + 5 * 0.003
    np.testing.assert_allclose(m.mean(axis=0).var(), 1 / 12, rtol=0.1)
    np.testing.assert_allclose(s.mean(axis=0).mean(), 1.125, atol=5 * 0.25 / np.sqrt(12 * units))
    np.testing.assert_allclose(s.mean(axis=0).var(), 0.25**2 / 12 + 0.1**2 / batch, rtol=0.1)
    within = m - m.mean(axis=0)
    assert np.abs(within).max() < 0.1 + 5 * 0.003
    np.testing.assert_allclose(within.var(), 0.2**2 / 12, rtol=0.01)
    scaled = s - s.mean(axis=0)
    np.testing.assert_allclose(scaled.var(), 0.1**2 * (1 - 1 / batch), rtol=0.01)
    np.testing.assert_allclose((scaled**4).mean() / scaled.var() ** 2, 3, rtol=0.02)
