"""Batch normalization against float64 NumPy, Flax, its laws and the notes' backward pass."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dlnotes.nn import normalization as norm

ARMS = {"plain": norm.PLAIN, "batch": norm.BATCH_NORM, "noisy": norm.NOISY_BATCH_NORM}


def example(shape=(12, 3), seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(1.5, 2.0, shape), rng.normal(1, 0.3, shape[-1:]), rng.normal(0, 0.5, shape[-1:])


def numpy_batch_norm(x, scale, offset, epsilon):
    flat = x.reshape(-1, x.shape[-1])
    m = len(flat)
    mu = sum(flat) / m
    variance = sum((row - mu) ** 2 for row in flat) / m
    return scale * (x - mu) / np.sqrt(variance + epsilon) + offset


def numpy_backward(x, scale, delta, epsilon):
    """∂L/∂x, ∂L/∂γ, ∂L/∂β of one minibatch by the steps of ee147's computational graph (Figure 17), δ = ∂L/∂y."""
    m = len(x)
    mu, variance = x.mean(0), x.var(0)
    root = np.sqrt(variance + epsilon)
    standardized = (x - mu) / root
    d_standardized = delta * scale
    d_a = d_standardized / root
    d_e = -0.5 * (x - mu) * d_standardized / root**3
    d_variance = d_e.sum(0)
    d_mu = -d_standardized.sum(0) / root - d_variance * 2 / m * (x - mu).sum(0)
    d_x = d_a + 2 * (x - mu) / m * d_variance + d_mu / m
    return d_x, (delta * standardized).sum(0), delta.sum(0)


@pytest.mark.parametrize("shape", [(12, 3), (4, 5, 6, 3)])
def test_it_is_the_notes_equation(shape):
    x, scale, offset = example(shape)
    with jax.enable_x64(True):
        ours = norm.batch_norm(*map(jnp.asarray, (x, scale, offset)))
        np.testing.assert_allclose(ours, numpy_batch_norm(x, scale, offset, norm.EPSILON), rtol=1e-12)


def test_it_is_flax_batch_norm():
    x, scale, offset = map(jnp.float32, example((4, 5, 6, 3)))
    module = nn.BatchNorm(use_running_average=False, epsilon=norm.EPSILON, momentum=0.0)
    state = {"params": {"scale": scale, "bias": offset}, "batch_stats": {"mean": jnp.zeros(3), "var": jnp.ones(3)}}
    theirs, update = module.apply(state, x, mutable=["batch_stats"])
    np.testing.assert_allclose(norm.batch_norm(x, scale, offset), theirs, atol=1e-5)
    moments = norm.batch_moments(x)
    np.testing.assert_allclose(moments.mean, update["batch_stats"]["mean"], rtol=1e-5)
    np.testing.assert_allclose(moments.variance, update["batch_stats"]["var"], rtol=1e-4)


def test_its_gradient_is_the_notes_backward_pass():
    x, scale, offset = example()
    delta = np.random.default_rng(1).normal(size=x.shape)
    with jax.enable_x64(True):
        _, pull = jax.vjp(norm.batch_norm, *map(jnp.asarray, (x, scale, offset)))
        ours = pull(jnp.asarray(delta))
    for mine, theirs in zip(ours, numpy_backward(x, scale, delta, norm.EPSILON), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


def test_its_gradient_is_orthogonal_to_ones_and_to_the_normalized_input():
    x, scale, offset = example()
    with jax.enable_x64(True):
        arguments = tuple(map(jnp.asarray, (x, scale, offset)))
        gradient = jax.grad(lambda a: jnp.sin(norm.batch_norm(a, *arguments[1:], epsilon=0.0)).sum())(arguments[0])
        standardized = norm.normalize(arguments[0], norm.batch_moments(arguments[0]), 0.0)
        np.testing.assert_allclose(gradient.sum(0), 0, atol=1e-13)
        np.testing.assert_allclose((gradient * standardized).sum(0), 0, atol=1e-13)
        assert jnp.abs(gradient).max() > 0.01


def test_a_batch_of_one_gets_no_gradient():
    x, scale, offset = map(jnp.float32, example((1, 3)))
    gradient = jax.grad(lambda a: jnp.sin(norm.batch_norm(a, scale, offset)).sum())(x)
    np.testing.assert_array_equal(gradient, 0)
    np.testing.assert_allclose(norm.batch_norm(x, scale, offset), offset[None], atol=1e-6)


def test_the_scale_of_the_weights_and_a_bias_change_nothing():
    x, scale, offset = example((20, 4))
    weights = np.random.default_rng(2).normal(size=(4, 4))
    with jax.enable_x64(True):
        scale, offset = jnp.asarray(scale), jnp.asarray(offset)
        once = norm.batch_norm(jnp.asarray(x @ weights), scale, offset, 0.0)
        scaled = norm.batch_norm(jnp.asarray(x @ (7.0 * weights) + 3.0), scale, offset, 0.0)
        np.testing.assert_allclose(scaled, once, rtol=1e-9, atol=1e-12)


def test_scale_and_offset_undo_it():
    x = jnp.float32(example()[0])
    moments = norm.batch_moments(x)
    undone = norm.batch_norm(x, jnp.sqrt(moments.variance + norm.EPSILON), moments.mean)
    np.testing.assert_allclose(undone, x, rtol=1e-5, atol=1e-5)


def test_it_standardizes_without_decorrelating_and_whitening_does_both():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 3)) @ np.array([[1.0, 0.9, 0.0], [0.0, 0.5, 2.0], [0.0, 0.0, 0.3]])
    correlation = np.corrcoef(x.T)
    with jax.enable_x64(True):
        normalized = np.asarray(norm.batch_norm(jnp.asarray(x), jnp.ones(3), jnp.zeros(3)))
        white = np.asarray(norm.whiten(jnp.asarray(x), 0.0))
    assert np.abs(correlation - np.eye(3)).max() > 0.5
    np.testing.assert_allclose(np.corrcoef(normalized.T), correlation, atol=1e-12)
    np.testing.assert_allclose(white.T @ white / len(x), np.eye(3), atol=1e-10)
    np.testing.assert_allclose(white.mean(0), 0, atol=1e-12)


def test_the_treatment_chooses_by_numbers_in_one_program():
    x, scale, offset = map(jnp.float32, example((6, 4, 4, 3)))
    traced = jax.jit(norm.treat)
    noise = norm.covariate_noise(jax.random.key(0), 6, 3)
    plain, batch, noisy = (traced(x, scale, offset, arm, noise) for arm in ARMS.values())
    assert traced._cache_size() == 1
    np.testing.assert_allclose(plain, x + offset[None, None, None], rtol=1e-6)
    np.testing.assert_allclose(batch, norm.batch_norm(x, scale, offset), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(noisy, norm.inject(batch, noise), rtol=1e-5, atol=1e-5)
    assert jnp.abs(noisy - batch).max() > 0.1


def test_the_plain_arm_has_no_use_for_the_scale_and_no_nan_at_zero_variance():
    def outputs(x, scale, arm):
        return norm.treat(x, scale, jnp.zeros(2), arm).sum()

    x, scale = jnp.ones((4, 2)), jnp.ones(2)
    np.testing.assert_array_equal(jax.grad(outputs, 1)(x, scale, norm.PLAIN), 0)
    for arm in ARMS.values():
        assert jnp.isfinite(jax.grad(outputs)(x, scale, arm)).all()


def test_given_moments_replace_the_minibatch_s():
    x, scale, offset = map(jnp.float32, example())
    moments = norm.Moments(jnp.array([1.0, 2.0, 3.0]), jnp.array([4.0, 1.0, 9.0]))
    ours = norm.treat(x, scale, offset, norm.BATCH_NORM, None, moments)
    np.testing.assert_allclose(ours[0], scale * (x[0] - moments.mean) / jnp.array([2.0, 1.0, 3.0]) + offset, rtol=1e-4)
    alone = norm.treat(x[:1], scale, offset, norm.BATCH_NORM, None, moments)
    np.testing.assert_allclose(alone, ours[:1], rtol=1e-6)


def test_the_noise_has_the_published_moments():
    """E m = 0, Var m = 1/12 + 0.2²/12; E s = 1.125, Var s = 0.25²/12 + 0.1² (the second terms within a unit)."""
    m, s = norm.covariate_noise(jax.random.key(0), 2, 20_000)
    n = 20_000  # the two examples of a unit share its distribution, so count units
    for draws, mean, unit, example in ((m, 0.0, 1 / 12, 0.2**2 / 12), (s, 1.125, 0.25**2 / 12, 0.1**2)):
        assert abs(draws.mean() - mean) < 5 * np.sqrt((unit + example) / n)
        assert abs(draws.var() / (unit + example) - 1) < 5 * np.sqrt(2 / n)
        assert abs((draws[0] - draws[1]).var() / 2 / example - 1) < 5 * np.sqrt(2 / n)
    assert 0.59 < jnp.abs(m).max() <= 0.6 + 1e-6
    assert jnp.isfinite(s).all()


def test_the_noise_is_one_number_for_a_channel_and_follows_the_key():
    x = jnp.ones((2, 4, 4, 3))
    a, b = (norm.covariate_noise(jax.random.key(seed), 2, 3) for seed in (0, 1))
    shifted = norm.inject(x, a)
    np.testing.assert_allclose(shifted, jnp.broadcast_to((a.s + a.m)[:, None, None], x.shape), rtol=1e-6)
    assert jnp.abs(a.m - b.m).min() > 0
    np.testing.assert_array_equal(norm.inject(x, a, 0.0), x)


def test_running_moments_are_the_weighted_average_and_unbiased_after_correction():
    decay, batches = 0.9, np.random.default_rng(4).normal(3.0, 2.0, (5, 16, 2))
    running = norm.running_moments(2)
    v = np.zeros(2)
    for x in batches:
        running = norm.update_running(running, norm.batch_moments(jnp.float32(x)), decay)
        v = decay * v + (1 - decay) * x.mean(0)
    np.testing.assert_allclose(running.moments.mean, v, rtol=1e-5)
    corrected = norm.correct_bias(running, decay)
    np.testing.assert_allclose(corrected.mean, v / (1 - decay**5), rtol=1e-5)
    weights = (1 - decay) * decay ** np.arange(4, -1, -1) / (1 - decay**5)
    np.testing.assert_allclose(weights.sum(), 1)
    np.testing.assert_allclose(corrected.variance, np.einsum("b,bu->u", weights, batches.var(1)), rtol=1e-4)


def test_after_one_minibatch_the_correction_gives_it_back_and_the_sheet_s_only_then():
    """Formula sheet 2.6.3 divides by 1 − β for every t; of a constant that is 1/(1 − β) times too much in the end."""
    constant = norm.Moments(jnp.array([2.0]), jnp.array([3.0]))
    running = norm.running_moments(1)
    for _ in range(50):
        running = norm.update_running(running, constant, 0.9)
        np.testing.assert_allclose(norm.correct_bias(running, 0.9).mean, constant.mean, rtol=1e-5)
    np.testing.assert_allclose(running.moments.mean / (1 - 0.9), 2.0 * (1 - 0.9**50) * 10, rtol=1e-5)


def test_pooled_moments_are_the_whole_set_s():
    x = np.random.default_rng(5).normal(size=(6, 10, 3)) + np.arange(6)[:, None, None]
    pooled = norm.pool_moments(jax.vmap(norm.batch_moments)(jnp.float32(x)))
    whole = x.reshape(-1, 3)
    np.testing.assert_allclose(pooled.mean, whole.mean(0), rtol=1e-5)
    np.testing.assert_allclose(pooled.variance, whole.var(0), rtol=1e-5)
    assert (x.var(1).mean(0) < 0.5 * whole.var(0)).all()


def test_the_formula_sheet_s_batch_mean_is_a_sum():
    """Formula sheet 2.6.1 prints μ = Σ z without 1/k: what it centers is then not centered."""
    x = example((8, 1))[0]
    assert abs((x - x.mean(0)).mean()) < 1e-12
    assert abs((x - x.sum(0)).mean()) > 1


def test_vmap_is_a_loop():
    x, scale, offset = map(jnp.float32, example((3, 12, 3)))
    together = jax.vmap(norm.batch_norm, (0, None, None))(x, scale, offset)
    alone = jnp.stack([norm.batch_norm(each, scale, offset) for each in x])
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)
