"""Signal and gradient through random layers: a float64 twin, the exact laws, and numbers beyond float32's squares."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.nn.initializers import RULES
from dlnotes.nn.signal import log2_mean_square, propagate

relu = jax.nn.relu


def at(seed, rule, *, activation=relu, layers=6, width=64, narrow=64, batch=16):
    x = jax.random.normal(jax.random.key(100 + seed), (batch, width))
    return propagate(jax.random.key(seed), x, rule, activation, layers=layers, narrow=narrow)


def over_seeds(rule, seeds=40, **sizes):
    """Mean over seeds of the mean squares, forward and backward, by layer."""

    def one(key, x):
        return propagate(key, x, rule, relu, layers=6, narrow=sizes["narrow"])

    xs = jax.random.normal(jax.random.key(1), (seeds, 16, sizes["width"]))
    signals = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(0), seeds), xs)
    return np.exp2(np.asarray(signals.forward)).mean(0), np.exp2(np.asarray(signals.backward)).mean(0)


def test_measures_equal_a_loop_in_float64():
    width, narrow, batch = 5, 3, 4
    x = np.random.default_rng(0).normal(size=(batch, width))
    signal = propagate(jax.random.key(0), jnp.asarray(x, jnp.float32), RULES["large"], relu, layers=4, narrow=narrow)
    k_top, k_weights = jax.random.split(jax.random.key(0))
    narrowing, widening = np.float64(jax.random.normal(k_weights, (2, 2, width * narrow)))
    shapes = [(width, narrow), (narrow, width)]
    matrices = [
        draws[i].reshape(shape) for i in range(2) for draws, shape in zip((narrowing, widening), shapes, strict=True)
    ]
    delta = np.float64(jax.random.normal(k_top, (batch, width)))
    zs = [x]
    for w in matrices:
        zs.append(np.maximum(zs[-1], 0) @ w)
    backward = [np.mean(delta**2)]
    for z, w in zip(zs[3:0:-1], matrices[:0:-1], strict=True):
        delta = (delta @ w.T) * (z > 0)
        backward.append(np.mean(delta**2))
    np.testing.assert_allclose(signal.forward, np.log2([np.mean(z**2) for z in zs[1:]]), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(signal.backward, np.log2(backward[::-1]), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(signal.zeros, [np.mean(z <= 0) for z in zs[1:]], atol=1e-6)
    np.testing.assert_array_equal(signal.on, [zs[2][0] > 0, zs[4][0] > 0])


@pytest.mark.parametrize(("rule", "gain"), [("xavier_fan_in", 0.5), ("he_fan_in", 1.0), ("sheet", 0.25)])
def test_relu_layers_of_equal_size_multiply_the_square_by_half_n_times_the_variance(rule, gain):
    forward, backward = over_seeds(RULES[rule], width=64, narrow=64)
    # relative spread of one draw's product of six gains √(6·5/64) = 0.7, of the mean of forty 0.11
    np.testing.assert_allclose(forward, gain ** np.arange(1, 7), rtol=0.4)
    np.testing.assert_allclose(backward, gain ** np.arange(5, -1, -1), rtol=0.4)


def test_average_fans_lose_signal_where_layers_differ_in_size():
    """4ab/(a + b)² = 0.64 for two layers of 16 and 64 units, forward and backward; 2/n_in keeps forward (E20)."""
    forward, backward = over_seeds(RULES["he_average"], width=64, narrow=16, seeds=150)
    np.testing.assert_allclose(forward[1::2], 0.64 ** np.arange(1, 4), rtol=0.4)
    np.testing.assert_allclose(backward[1::2], 0.64 ** np.arange(2, -1, -1), rtol=0.4)
    np.testing.assert_allclose(over_seeds(RULES["he_fan_in"], width=64, narrow=16, seeds=150)[0], 1, rtol=0.4)


def test_xavier_and_he_differ_by_scale_alone():
    """Same draws: the same units are on in every layer, and the signal is 2^(−L/2) of He's."""
    xavier, he = at(3, RULES["xavier_fan_in"], layers=30), at(3, RULES["he_fan_in"], layers=30)
    np.testing.assert_array_equal(xavier.on, he.on)
    np.testing.assert_array_equal(xavier.zeros, he.zeros)
    np.testing.assert_allclose((xavier.forward - he.forward) / 2, -np.arange(1, 31) / 2, atol=1e-4)


def test_large_weights_saturate_tanh_and_small_ones_do_not():
    assert float(at(0, RULES["large"], activation=jnp.tanh).saturated.min()) > 0.5
    assert float(at(0, RULES["small"], activation=jnp.tanh).saturated.max()) == 0


def test_squares_beyond_float32_have_a_logarithm():
    values = jnp.array([3.0, 4.0])
    for exponent in (-120, 0, 120):
        expected = 2 * exponent + np.log2(12.5)
        assert float(log2_mean_square(values * 2.0**exponent)) == pytest.approx(expected, abs=1e-4)
    assert float(log2_mean_square(jnp.zeros(3))) == -np.inf
    assert np.isfinite(at(0, RULES["large"], layers=30, width=128, narrow=128).forward).all()


def test_an_odd_number_of_layers_is_refused():
    with pytest.raises(ValueError, match="got 5; give an even number"):
        at(0, RULES["small"], layers=5)


def test_jit_changes_nothing():
    x = jax.random.normal(jax.random.key(2), (4, 8))

    def run(key):
        return propagate(key, x, RULES["glorot"], jnp.tanh, layers=4, narrow=6)

    for one, other in zip(jax.jit(run)(jax.random.key(5)), run(jax.random.key(5)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4)
