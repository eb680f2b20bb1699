"""Oracles of dlnotes.nn.signal: the moments that ee147 and cs182 derive, over many draws, and exact laws of scale."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from dlnotes.nn import initializers, signal

LAYERS, WIDTH, NARROW, BATCH, DRAWS = 4, 24, 8, 6, 2000
X = np.random.default_rng(3).normal(size=(BATCH, WIDTH)).astype(np.float32)
UNITS = (WIDTH, NARROW, WIDTH, NARROW, WIDTH)  # of x and of the layers 1 … 4
ACTIVATIONS = {"relu": (jax.nn.relu, 0.5), "linear": (lambda x: x, 1.0)}  # with E φ(z)² / E z² for symmetric z


def variance(rule: initializers.FanRule, n_in: int, n_out: int) -> float:
    return rule.numerator / (rule.n_in * n_in + rule.n_out * n_out + rule.constant)


@partial(jax.jit, static_argnames=("activation", "layers", "narrow"))
def measure(keys, x, rule, *, activation, layers, narrow):
    return jax.vmap(lambda key: signal.propagate(key, x, rule, activation, layers=layers, narrow=narrow))(keys)


def draw(rule, activation, x=X, draws=DRAWS, layers=LAYERS, narrow=NARROW):
    rule = jax.tree.map(jnp.float32, rule)
    keys = jax.random.split(jax.random.key(0), draws)
    measured = measure(keys, jnp.asarray(x), rule, activation=activation, layers=layers, narrow=narrow)
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), measured)


def agree(samples: np.ndarray, expected: np.ndarray) -> None:
    """The mean over draws within five standard errors, taken from the draws' own spread."""
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    np.testing.assert_array_less(np.abs(samples.mean(axis=0) - expected), 5 * error + 1e-6)


@pytest.mark.parametrize("name", ["he_fan_in", "glorot"])
@pytest.mark.parametrize(("activation", "share"), ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_mean_squares_are_the_products_of_the_layers_gains(name, activation, share):
    """ee147 Weight Initialization: E z_l² = n_in Var(w) E φ(z_{l−1})², E δ_{l−1}² = n_out Var(w) E φ′² E δ_l²."""
    rule = initializers.RULES[name]
    measured = draw(rule, activation)
    forward, backward = [(np.asarray(activation(X), np.float64) ** 2).mean()], [1.0]
    for layer in range(1, LAYERS + 1):
        n_in, n_out = UNITS[layer - 1], UNITS[layer]
        forward.append(forward[-1] * n_in * variance(rule, n_in, n_out) * (1 if layer == 1 else share))
    for layer in range(LAYERS, 1, -1):
        n_in, n_out = UNITS[layer - 1], UNITS[layer]
        backward.insert(0, backward[0] * n_out * variance(rule, n_in, n_out) * share)
    agree(2**measured.forward, np.array(forward[1:]))
    agree(2**measured.backward, np.array(backward))
    agree(measured.zeros, np.full(LAYERS, 0.5 if share < 1 else 0.0))


def test_the_first_layer_s_saturated_share_is_a_normal_tail():
    """Given x, z₁ ~ N(0, Var(w) Σ φ(x)²), so P(|tanh z₁| > 0.99) is known for each example."""
    rule = initializers.RULES["large"]
    measured = draw(rule, jnp.tanh)
    deviation = np.sqrt((np.tanh(X.astype(float)) ** 2).sum(axis=1))
    expected = 2 * stats.norm.sf(np.arctanh(0.99) / deviation).mean()
    agree(measured.saturated[:, 0], expected)
    assert measured.saturated[:, 0].mean() == pytest.approx(expected, abs=0.01)


def test_the_mean_logarithm_falls_by_five_over_2n_nats_a_layer():
    """E log z_{l+1}²/z_l² = −½·5/n to first order: Var[relu(ξ)²]/E²[relu(ξ)²] = (3/2 − 1/4)/(1/4) = 5."""
    n, layers = 32, 10
    measured = draw(initializers.RULES["he_fan_in"], jax.nn.relu, np.ones((1, n), np.float32), 800, layers, n)
    a_layer = (measured.forward[:, -1] - measured.forward[:, 0]) / (layers - 1)
    error = a_layer.std() / np.sqrt(len(a_layer))
    # The next order is of the size (5/n)², a fifth of the first.
    assert abs(a_layer.mean() + 5 / (2 * n * np.log(2))) < 4 * error + (5 / n) ** 2
    assert 4 * error + (5 / n) ** 2 < 0.6 * 5 / (2 * n * np.log(2))


def test_twice_the_weights_move_every_measure_by_whole_bits():
    """ReLU is homogeneous: weights ×2 make z_l 2^l and δ_l 2^(L−l) times as large, and change no sign."""
    rule = initializers.RULES["he_fan_in"]
    once, twice = (draw(r, jax.nn.relu) for r in (rule, rule._replace(numerator=8.0)))
    layer = np.arange(1, LAYERS + 1)
    # log2 of float32, some 20 at most: an absolute error of a few 1e-6.
    np.testing.assert_allclose(twice.forward - once.forward, np.tile(2.0 * layer, (DRAWS, 1)), atol=1e-5)
    np.testing.assert_allclose(twice.backward - once.backward, np.tile(2.0 * (LAYERS - layer), (DRAWS, 1)), atol=1e-5)
    np.testing.assert_array_equal(twice.zeros, once.zeros)
    np.testing.assert_array_equal(twice.on, once.on)


def test_on_is_the_pattern_of_which_zeros_is_the_share():
    measured = draw(initializers.RULES["he_fan_in"], jax.nn.relu, X[:1], draws=20)
    assert measured.on.shape == (20, LAYERS // 2, WIDTH)
    np.testing.assert_allclose(measured.zeros[:, 1::2], 1 - measured.on.mean(axis=-1), atol=1e-7)


def test_log2_mean_square_where_squares_leave_float32():
    for x in (np.array([3.0, 4.0]), np.array([1e30, 2e30, 0.0]), np.array([[1e-30], [3e-30]]), np.array([1e-30, 1e30])):
        expected = np.log2((x.astype(np.longdouble) ** 2).mean())
        # float32 holds log2 ≈ ±200 to 1.5e-5; the inputs themselves are rounded by 6e-8, 2e-7 bits.
        assert float(signal.log2_mean_square(jnp.asarray(x, jnp.float32))) == pytest.approx(float(expected), abs=5e-5)
    assert float(signal.log2_mean_square(jnp.zeros(3))) == -np.inf
