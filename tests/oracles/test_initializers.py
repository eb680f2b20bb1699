"""Oracles of dlnotes.nn.initializers: the notes' printed variances, and what many draws have."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from dlnotes.nn import initializers

PRINTED = {
    "small": lambda n_in, n_out: 0.0001,  # cs182 4.4.1: N(0, .0001)
    "large": lambda n_in, n_out: 1.0,  # ee147 Weight Initialization gives no number
    "xavier_fan_in": lambda n_in, n_out: 1 / n_in,  # ee147; cs182 4.4.2; formulas 2.3.2
    "xavier_fan_out": lambda n_in, n_out: 1 / n_out,  # ee147, by the gradients
    "glorot": lambda n_in, n_out: 1 / ((n_in + n_out) / 2),  # ee147: 1/n_avg
    "sheet": lambda n_in, n_out: 1 / (n_in + n_out),  # formulas 2.3.2, second line
    "he_fan_in": lambda n_in, n_out: 2 / n_in,  # cs182 4.4.2.1; formulas 2.3.2
    "he_average": lambda n_in, n_out: 2 / ((n_in + n_out) / 2),  # ee147: 2/n_avg
}
SHAPES = {"dense": (120, 260), "image": (3, 5, 24, 60), "sequence": (7, 30, 110)}


def connections(shape: tuple[int, ...]) -> tuple[int, int]:
    """How many inputs reach one inner unit of a layer and how many units one inner input reaches, by counting.

    A convolution joins input p, channel c to unit q, channel f where p − q lies in the window.
    """
    *window, inputs, outputs = shape
    sizes = [4 * w for w in window]
    middle = tuple(2 * w for w in window)
    places = list(itertools.product(*(range(n) for n in sizes)))
    reaching = sum(all(0 <= p - q < w for p, q, w in zip(place, middle, window, strict=True)) for place in places)
    reached = sum(all(0 <= p - q < w for p, q, w in zip(middle, place, window, strict=True)) for place in places)
    return reaching * inputs, reached * outputs


def test_every_rule_has_its_printed_variance():
    assert set(PRINTED) == set(initializers.RULES)


@pytest.mark.parametrize("shape", [(6, 4), (3, 3, 2, 5), (5, 1, 7, 3), (4, 2, 6), (2, 3, 2, 3, 4)])
def test_fans_are_the_connections_of_a_unit(shape):
    assert initializers.fans(shape) == connections(shape)


@pytest.mark.parametrize("name", PRINTED)
@pytest.mark.parametrize(("n_in", "n_out"), [(100, 100), (3, 700), (512, 10), (27, 64)])
def test_rules_are_as_printed(float64, name, n_in, n_out):
    variance = float(initializers.RULES[name].variance(n_in, n_out))
    assert variance == pytest.approx(PRINTED[name](n_in, n_out), rel=1e-15)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", PRINTED)
def test_draws_are_normal_with_the_printed_variance(name, shape):
    key = jax.random.fold_in(jax.random.key(20), list(PRINTED).index(name))
    draws = initializers.normal(initializers.RULES[name])(key, shape, jnp.float32)
    assert draws.shape == shape
    w = np.asarray(draws, np.float64).ravel()
    expected = PRINTED[name](*connections(shape))
    n = w.size  # standard errors: √(σ²/n) of a mean, √(2/n) σ² of a normal's variance, √(24/n) of its kurtosis
    assert abs(w.mean()) < 5 * np.sqrt(expected / n)
    assert abs(w.var() / expected - 1) < 5 * np.sqrt(2 / n)
    assert abs(stats.kurtosis(w)) < 5 * np.sqrt(24 / n)  # truncated at two deviations it would be −1
    assert np.abs(w).max() > 3.3 * np.sqrt(expected)  # of 23,000 draws twenty are that far out
    assert stats.kstest(w / np.sqrt(expected), "norm").pvalue > 1e-6


def test_draws_by_traced_rules_have_each_rule_s_variance():
    rules = jax.tree.map(lambda *numbers: jnp.stack(list(map(jnp.float32, numbers))), *initializers.RULES.values())
    key = jax.random.key(21)
    draws = jax.jit(jax.vmap(lambda rule: initializers.normal(rule)(key, (90, 180), jnp.float32)))(rules)
    measured = np.asarray(draws, np.float64).reshape(len(PRINTED), -1).var(axis=1)
    expected = [PRINTED[name](90, 180) for name in initializers.RULES]
    np.testing.assert_allclose(measured, expected, rtol=5 * np.sqrt(2 / (90 * 180)))


@pytest.mark.parametrize(
    ("name", "gain"), [("xavier_fan_in", 1.0), ("glorot", 0.5), ("sheet", 0.25), ("he_average", 1.0)]
)
def test_one_linear_layer_multiplies_the_variance_by_n_in_var_w(name, gain):
    """ee147: var(h_i) = n_in var(w) var(h_{i−1}); with n_out = 3 n_in the rules differ."""
    n_in, n_out = 60, 180
    w = np.asarray(initializers.normal(initializers.RULES[name])(jax.random.key(22), (n_in, n_out), jnp.float32))
    h = np.random.default_rng(0).normal(size=(4000, n_in))
    # The weights' own spread: ‖w‖² is a χ² with n_in·n_out degrees of freedom, so √(2/10800), and 5 of those.
    np.testing.assert_allclose((h @ w.astype(float)).var(), gain, rtol=5 * np.sqrt(2 / (n_in * n_out)) + 0.02)
