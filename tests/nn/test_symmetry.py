"""Symmetries in weight space: the function stays, the weights do not, and there are as many as counted."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from dlnotes.nn.mlp import MLP, from_layers, layers
from dlnotes.nn.symmetry import count_symmetries, flip_hidden, permute_hidden, rescale_hidden

SIGNS = jnp.array([1.0, -1.0, -1.0, 1.0])
ORDER = jnp.array([2, 0, 3, 1])
FACTORS = jnp.array([0.5, 3.0, 1.0, 20.0])


def network(activation, depth=4, width=4):
    net = MLP(depth, width, 3, activation)
    x = jax.random.normal(jax.random.key(1), (6, 5))
    params = net.init(jax.random.key(0), x)
    leaves, tree = jax.tree.flatten(params)
    noise = np.random.default_rng(0)
    params = tree.unflatten([leaf + 0.3 * noise.normal(size=leaf.shape).astype("float32") for leaf in leaves])
    return net, params, x


def test_layers_are_taken_apart_and_put_together():
    for depth in (2, 3, 5):
        _, params, _ = network(jnp.tanh, depth)
        parts = layers(params)
        assert len(parts) == depth
        again = from_layers(parts)
        assert jax.tree.structure(again) == jax.tree.structure(params)
        jax.tree.map(np.testing.assert_array_equal, again, params)
    with pytest.raises(ValueError, match="2 weight layers or more, got 1"):
        from_layers(parts[:1])


@pytest.mark.parametrize("layer", [1, 2, 3])
@pytest.mark.parametrize(
    ("activation", "change"),
    [
        (jax.nn.softplus, lambda params, layer: permute_hidden(params, layer, ORDER)),
        (jnp.tanh, lambda params, layer: flip_hidden(params, layer, SIGNS)),
        (jax.nn.sigmoid, lambda params, layer: flip_hidden(params, layer, SIGNS, total=1.0)),
        (jax.nn.relu, lambda params, layer: rescale_hidden(params, layer, FACTORS)),
    ],
    ids=["permuted", "flipped", "flipped sigmoid", "rescaled"],
)
def test_outputs_stay_and_weights_do_not(activation, change, layer):
    net, params, x = network(activation)
    other = jax.jit(change, static_argnums=1)(params, layer)
    np.testing.assert_allclose(net.apply(other, x), net.apply(params, x), atol=1e-5)
    moved = [
        float(jnp.abs(a.kernel - b.kernel).max()) > 0.1 for a, b in zip(layers(params), layers(other), strict=True)
    ]
    assert moved == [place in (layer - 1, layer) for place in range(4)]


@pytest.mark.parametrize("activation", [jax.nn.sigmoid, jax.nn.relu])
def test_a_flip_alone_needs_an_odd_activation(activation):
    net, params, x = network(activation)
    assert float(jnp.abs(net.apply(flip_hidden(params, 1, SIGNS), x) - net.apply(params, x)).max()) > 0.1


def test_scaling_needs_a_homogeneous_activation():
    net, params, x = network(jnp.tanh)
    assert float(jnp.abs(net.apply(rescale_hidden(params, 1, FACTORS), x) - net.apply(params, x)).max()) > 0.1


def test_there_are_as_many_settings_as_counted():
    net, params, x = network(jnp.tanh, depth=2, width=3)
    seen = set()
    for order in itertools.permutations(range(3)):
        for signs in itertools.product([1.0, -1.0], repeat=3):
            other = flip_hidden(permute_hidden(params, 1, jnp.array(order)), 1, jnp.array(signs))
            np.testing.assert_allclose(net.apply(other, x), net.apply(params, x), atol=1e-5)
            seen.add(np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(other)]).tobytes())
    assert len(seen) == count_symmetries([3]) == 48
    assert count_symmetries([3], odd=False) == 6
    assert count_symmetries([3, 2]) == 48 * 8


def test_a_layer_that_is_not_hidden_is_refused():
    _, params, _ = network(jnp.tanh)
    for layer in (0, 4):
        with pytest.raises(ValueError, match=f"hidden layers 1 to 3, got layer={layer}"):
            permute_hidden(params, layer, ORDER)


def test_rescaling_moves_the_curvature_as_it_moves_the_weights(float64):
    """H′ = D⁻¹HD⁻¹ for θ′ = Dθ, and both losses are the same function of their weights."""
    net, params, x = network(jax.nn.relu, depth=3)
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), params)

    def loss(params):
        return jnp.mean(jnp.square(jnp.asarray(net.apply(params, x))))

    def moved(tree):
        return rescale_hidden(tree, 1, FACTORS.astype(jnp.float64))

    flat, restore = ravel_pytree(params)
    there, restore_there = ravel_pytree(moved(params))
    d = jax.jacobian(lambda theta: ravel_pytree(moved(restore(theta)))[0])(flat)
    hessian = jax.hessian(lambda theta: loss(restore(theta)))(flat)
    other = jax.hessian(lambda theta: loss(restore_there(theta)))(there)
    np.testing.assert_allclose(d @ other @ d, hessian, atol=1e-9)
    assert float(jnp.linalg.eigvalsh(other)[-1]) > 3 * float(jnp.linalg.eigvalsh(hessian)[-1])
