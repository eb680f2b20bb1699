"""Scaling on one minibatch: variance 1 in every layer, whatever the weights were before."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.nn.data_dependent import scale_to_unit_variance
from dlnotes.nn.initializers import RULES, normal
from dlnotes.nn.mlp import MLP, layers


def variances(params, x, activation):
    """Of every layer's z, in float64."""
    h, found = np.asarray(x, np.float64).reshape(len(x), -1), []
    for kernel, bias in layers(params):
        z = h @ np.asarray(kernel, np.float64) + np.asarray(bias, np.float64)
        found.append(z.var())
        h = np.asarray(activation(z))
    return np.array(found)


@pytest.mark.parametrize("activation", [jax.nn.relu, jnp.tanh])
@pytest.mark.parametrize("rule", ["small", "large"])
def test_every_layer_gives_out_variance_one(activation, rule):
    x = jax.random.normal(jax.random.key(1), (40, 2, 4))
    net = MLP(10, 16, 3, activation, normal(RULES[rule]))
    params = net.init(jax.random.key(0), x)
    assert not np.allclose(variances(params, x, activation), 1, rtol=0.5)
    scaled = jax.jit(lambda params: scale_to_unit_variance(params, x, activation))(params)
    np.testing.assert_allclose(variances(scaled, x, activation), 1, rtol=1e-3)
    assert jax.tree.structure(scaled) == jax.tree.structure(params)
    again = scale_to_unit_variance(scaled, x, activation)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6), again, scaled)


def test_directions_and_biases_follow_the_weights():
    """A layer is divided by one number: outputs of a linear net are only scaled."""
    x = jax.random.normal(jax.random.key(1), (30, 4))
    net = MLP(3, 5, 2, lambda z: z)
    params = net.init(jax.random.key(0), x)
    y, scaled = net.apply(params, x), net.apply(scale_to_unit_variance(params, x, lambda z: z), x)
    np.testing.assert_allclose(scaled, y / jnp.std(y), rtol=1e-4, atol=1e-5)
    biased = jax.tree.map(lambda leaf: leaf + 1.0, params)
    np.testing.assert_allclose(variances(scale_to_unit_variance(biased, x), x, jax.nn.relu), 1, rtol=1e-3)


def test_a_layer_that_gives_out_a_constant_stays():
    x = jnp.ones((3, 4))
    params = MLP(3, 5, 2).init(jax.random.key(0), x)
    dead = jax.tree.map(jnp.zeros_like, params)
    scaled = scale_to_unit_variance(dead, x)
    jax.tree.map(np.testing.assert_array_equal, scaled, dead)
