"""Statistics of layers in cases that can be worked out by hand, and against a loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.nn.layer_statistics import jacobian_singular_values, layer_statistics
from dlnotes.nn.mlp import MLP, Affine, from_layers


def test_a_network_worked_out_by_hand():
    """x = ±1; z = (x, −x, −3, 2), so of four ReLU units the third is dead and half of the first two is off."""
    params = from_layers(
        [
            Affine(jnp.array([[1.0, -1.0, 0.0, 0.0]]), jnp.array([0.0, 0.0, -3.0, 2.0])),
            Affine(jnp.array([[1.0], [2.0], [5.0], [0.0]]), jnp.zeros(1)),
        ]
    )
    found = layer_statistics(params, jnp.array([[1.0], [-1.0]]), jnp.sum)
    assert float(found.dead[0]) == 0.25
    assert float(found.saturated[0]) == 0.5
    h = np.array([[1.0, 0.0, 0.0, 2.0], [0.0, 1.0, 0.0, 2.0]])
    gradient = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]])
    assert float(found.activation_mean[0]) == pytest.approx(h.mean())
    assert float(found.activation_variance[0]) == pytest.approx(h.var())
    assert float(found.gradient_variance[0]) == pytest.approx(gradient.var())


def test_gradients_by_layer_equal_the_derivative_by_each_bias():
    """∂J/∂b_l is the sum over examples of ∂J/∂z_l; with one example they are the same."""
    x = jax.random.normal(jax.random.key(1), (1, 3))
    net = MLP(5, 6, 2, jnp.tanh)
    params = net.init(jax.random.key(0), x)

    def loss(y):
        return jnp.sum(jnp.sin(y))

    found = jax.jit(lambda params: layer_statistics(params, x, loss, jnp.tanh))(params)
    tree = jax.grad(lambda params: loss(net.apply(params, x)))(params)["params"]
    biases = [tree["first"]["Dense_0"]["bias"], *tree["hidden"]["Dense_0"]["bias"]]
    np.testing.assert_allclose(found.gradient_variance, [np.var(b) for b in biases], rtol=1e-3)
    _, hidden = net.apply(params, x, method="trace")
    np.testing.assert_allclose(found.activation_variance, hidden.var((1, 2)), rtol=1e-4)
    np.testing.assert_array_equal(found.dead, 0)


def test_large_weights_saturate_tanh():
    params = from_layers([Affine(jnp.full((1, 4), 100.0), jnp.zeros(4)), Affine(jnp.ones((4, 1)), jnp.zeros(1))])
    found = layer_statistics(params, jnp.array([[1.0], [0.0]]), jnp.sum, jnp.tanh)
    assert float(found.saturated[0]) == 0.5
    assert float(found.dead[0]) == 0


def test_singular_values_of_jacobians():
    q = jax.random.orthogonal(jax.random.key(0), 4)
    x = jax.random.normal(jax.random.key(1), (3, 4))
    np.testing.assert_allclose(jacobian_singular_values(lambda h: h @ q @ q, x), 1, rtol=1e-4)
    w = jnp.diag(jnp.array([3.0, 2.0, 1.0]))
    at = jnp.array([[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]])
    found = jax.jit(lambda at: jacobian_singular_values(lambda h: jax.nn.relu(w @ h), at))(at)
    np.testing.assert_allclose(found, [[3, 1, 0], [1, 0, 0]], atol=1e-6)
