"""The variance rules: the notes' numbers, moments of draws, and equality with JAX's own initializers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.nn.initializers import variance_scaling

from dlnotes.nn.initializers import RULES, FanRule, fans, normal

PRINTED = {  # Var(w) transcribed from the notes
    "small": lambda n_in, n_out: 0.01**2,
    "large": lambda n_in, n_out: 1.0,
    "xavier_fan_in": lambda n_in, n_out: 1 / n_in,
    "xavier_fan_out": lambda n_in, n_out: 1 / n_out,
    "glorot": lambda n_in, n_out: 1 / ((n_in + n_out) / 2),
    "sheet": lambda n_in, n_out: np.sqrt(1 / (n_in + n_out)) ** 2,
    "he_fan_in": lambda n_in, n_out: 2 / n_in,
    "he_average": lambda n_in, n_out: 2 / ((n_in + n_out) / 2),
}

IN_JAX = {
    "xavier_fan_in": (1, "fan_in"),
    "xavier_fan_out": (1, "fan_out"),
    "glorot": (1, "fan_avg"),
    "sheet": (0.5, "fan_avg"),
    "he_fan_in": (2, "fan_in"),
    "he_average": (2, "fan_avg"),
}

KERNELS = {"dense": (300, 200), "tall": (500, 40), "3×3 convolution": (3, 3, 60, 90), "1-D convolution": (5, 80, 60)}


def test_every_rule_is_the_printed_one():
    assert PRINTED.keys() == RULES.keys()
    for name, rule in RULES.items():
        for sizes in ((7, 7), (64, 10), (1, 500)):
            assert rule.variance(*sizes) == pytest.approx(PRINTED[name](*sizes), rel=1e-6)


@pytest.mark.parametrize("shape", KERNELS.values(), ids=KERNELS)
def test_fans_count_the_terms_of_a_unit(shape):
    assert fans(shape) == (np.prod(shape[:-1]), np.prod(shape[:-2]) * shape[-1])


def test_fans_refuse_a_bias():
    with pytest.raises(ValueError, match="inputs, outputs"):
        fans((10,))


@pytest.mark.parametrize("rule", IN_JAX)
@pytest.mark.parametrize("shape", KERNELS.values(), ids=KERNELS)
def test_draws_equal_those_of_jax(rule, shape):
    ours = normal(RULES[rule])(jax.random.key(3), shape, jnp.float32)
    theirs = variance_scaling(*IN_JAX[rule], "normal")(jax.random.key(3), shape, jnp.float32)
    np.testing.assert_allclose(ours, theirs, rtol=3e-7)  # two roundings apart


@pytest.mark.parametrize("rule", RULES)
def test_moments_are_those_of_a_normal(rule):
    shape = KERNELS["3×3 convolution"]
    draws = np.asarray(normal(RULES[rule])(jax.random.key(5), shape), np.float64)
    unit = draws / np.sqrt(PRINTED[rule](*fans(shape)))
    n = draws.size  # 48,600: the bounds are five standard errors of each moment
    assert abs(unit.mean()) < 5 / np.sqrt(n)
    assert abs(unit.var() - 1) < 5 * np.sqrt(2 / n)
    assert abs((unit**4).mean() - 3) < 5 * np.sqrt(96 / n)
    assert np.abs(unit).max() > 3  # a normal truncated at 2 deviations, as in he_normal, ends at 2.3


def test_a_stack_of_rules_is_swept_by_vmap():
    names = list(RULES)
    stacked = jax.tree.map(lambda *numbers: jnp.stack([jnp.asarray(x, jnp.float32) for x in numbers]), *RULES.values())
    together = jax.jit(jax.vmap(lambda rule: normal(rule)(jax.random.key(0), (8, 6))))(stacked)
    for name, kernel in zip(names, together, strict=True):
        np.testing.assert_allclose(kernel, normal(RULES[name])(jax.random.key(0), (8, 6)), rtol=1e-6)


def test_dtype_is_the_one_asked_for():
    assert normal(RULES["glorot"])(jax.random.key(0), (4, 4), jnp.bfloat16).dtype == jnp.bfloat16
    assert normal(FanRule(1.0, 1.0, 0.0, 0.0))(jax.random.key(0), (4, 4)).dtype == jnp.float32


@pytest.mark.parametrize("sizes", [(256, 256), (100, 400), (400, 100)])
def test_gains_of_a_relu_layer(sizes):
    """Forward ½ n_in Var(w), backward ½ n_out Var(w): only fan-in rules keep the signal where n_in ≠ n_out (E20)."""
    n_in, n_out = sizes
    k_input, k_output = jax.random.split(jax.random.key(0))
    z = jax.random.normal(k_input, (100, n_in))
    delta = jax.random.normal(k_output, (100, n_out))

    def gains(rule):
        def one(key):
            w = normal(rule)(key, (n_in, n_out))
            onward, pullback = jax.vjp(lambda z: jax.nn.relu(z) @ w, z)
            return jnp.mean(onward**2), jnp.mean(pullback(delta)[0] ** 2)

        return tuple(float(gain.mean()) for gain in jax.vmap(one)(jax.random.split(jax.random.key(1), 60)))

    for name, forward, backward in (
        ("xavier_fan_in", 1 / 2, n_out / n_in / 2),
        ("he_fan_in", 1, n_out / n_in),
        ("he_average", 2 * n_in / (n_in + n_out), 2 * n_out / (n_in + n_out)),
        ("sheet", n_in / (n_in + n_out) / 2, n_out / (n_in + n_out) / 2),
    ):
        # one draw of 100 units spreads by 0.09, as activations share a mean; 60 draws by 0.012
        assert gains(RULES[name]) == pytest.approx((forward, backward), rel=0.06)
