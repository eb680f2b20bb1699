"""Gradient noise against its definition by brute force, and against a known covariance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.nn import gradient_noise
from dlnotes.nn.gradient_noise import GradientNoise

pytestmark = pytest.mark.usefixtures("float64")
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)), RNG.normal(size=20)
PARAMS = {"w": RNG.normal(size=3), "b": np.array(0.3)}


def loss(params, example):
    x, y = example
    return 0.5 * (x @ params["w"] + params["b"] - y) ** 2


def by_hand(x, y):
    """The examples' gradients of the linear model, [examples, 4]."""
    error = x @ PARAMS["w"] + 0.3 - y
    return error[:, None] * np.concatenate([x, np.ones((len(x), 1))], axis=1)


@pytest.mark.parametrize("batch", [1, 7, 32])
def test_from_examples_is_the_definition(batch):
    gradients = by_hand(X, Y)
    variance = gradients.var(axis=0, ddof=1).sum()
    found = jax.jit(lambda p: gradient_noise.from_examples(loss, p, (X, Y), batch=batch))(PARAMS)
    np.testing.assert_allclose(found.variance, variance, rtol=1e-10)
    np.testing.assert_allclose(found.square, (gradients.mean(0) ** 2).sum() - variance / 20, rtol=1e-10)
    np.testing.assert_allclose(gradient_noise.noise_scale(found), found.variance / found.square)


def test_both_estimates_have_no_bias():
    """From all 190 pairs of examples (without replacement) the mean estimate is that of all twenty, exactly."""
    gradients = by_hand(X, Y)
    want = gradient_noise.from_examples(loss, PARAMS, (X, Y))
    first, second = np.triu_indices(20, 1)
    pairs = (((gradients[first] + gradients[second]) / 2) ** 2).sum(1).mean()
    single, whole = (gradients**2).sum(1).mean(), (gradients.mean(0) ** 2).sum()
    for small, large, sizes in ((single, pairs, (1, 2)), (single, whole, (1, 20)), (pairs, whole, (2, 20))):
        found = gradient_noise.from_batches(jnp.asarray(small), jnp.asarray(large), *sizes)
        np.testing.assert_allclose(found, want, rtol=1e-9)


def test_of_a_batch_of_the_noise_scale_half_is_noise():
    found = gradient_noise.from_examples(loss, PARAMS, (X, Y))
    size = gradient_noise.noise_scale(found)
    np.testing.assert_allclose(found.variance / size, found.square)


def test_no_signal_is_an_infinite_scale_and_no_noise_is_zero():
    assert gradient_noise.noise_scale(GradientNoise(jnp.array(2.0), jnp.array(-0.1))) == np.inf
    assert gradient_noise.noise_scale(GradientNoise(jnp.array(0.0), jnp.array(3.0))) == 0


def test_too_little_is_refused():
    with pytest.raises(ValueError, match="two examples, got 1"):
        gradient_noise.from_examples(loss, PARAMS, (X[:1], Y[:1]))
    with pytest.raises(ValueError, match="got 8 and 8"):
        gradient_noise.from_batches(jnp.ones(()), jnp.ones(()), 8, 8)
