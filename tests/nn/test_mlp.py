"""The multilayer perceptron: a float64 twin, counts from the notes, scan against loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.nn.initializers import RULES, normal
from dlnotes.nn.mlp import MLP, parameter_count


@pytest.fixture
def batch():
    return jax.random.normal(jax.random.key(1), (5, 2, 3))


def kernels(params):
    """The weights and biases of every layer, first to last, in float64."""
    layers = params["params"]
    stacked = layers["hidden"]["Dense_0"]
    hidden = [(stacked["kernel"][i], stacked["bias"][i]) for i in range(stacked["kernel"].shape[0])]
    ends = [(layer["kernel"], layer["bias"]) for layer in (layers["first"]["Dense_0"], layers["output"])]
    return [tuple(np.asarray(x, np.float64) for x in layer) for layer in (ends[0], *hidden, ends[1])]


def shaken(params):
    """Parameters with biases that are not zero."""
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(9), len(leaves))
    return tree.unflatten([x + 0.1 * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)])


@pytest.mark.parametrize("depth", [2, 3, 7])
@pytest.mark.parametrize("activation", [jax.nn.relu, jnp.tanh])
@pytest.mark.parametrize("unrolled", [False, True])
def test_outputs_and_activations_equal_a_loop_in_float64(batch, depth, activation, unrolled):
    net = MLP(depth, 4, 3, activation, unrolled=unrolled)
    params = shaken(net.init(jax.random.key(0), batch))
    y, activations = jax.jit(lambda params, x: net.apply(params, x, method="trace"))(params, batch)
    h = np.asarray(batch, np.float64).reshape(5, 6)
    *hidden, (w, b) = kernels(params)
    for layer, (w_l, b_l) in enumerate(hidden):
        h = np.asarray(activation(h @ w_l + b_l))
        np.testing.assert_allclose(activations[layer], h, atol=1e-5)
    assert activations.shape == (depth - 1, 5, 4)
    np.testing.assert_allclose(y, h @ w + b, atol=1e-5)
    np.testing.assert_allclose(jax.jit(net.apply)(params, batch), y, atol=1e-6)


@pytest.mark.parametrize(("depth", "inputs", "outputs", "count"), [(2, 3, 2, 20 + 6), (3, 3, 2, 36 + 10)])
def test_parameter_counts_of_the_notes(depth, inputs, outputs, count):
    """Three inputs, hidden layers of four, two outputs: weights + biases."""
    params = MLP(depth, 4, outputs).init(jax.random.key(0), jnp.ones((1, inputs)))
    assert parameter_count(params) == count


def test_hidden_layers_are_drawn_apart_by_their_own_fans(batch):
    params = MLP(6, 50, 3, kernel_init=normal(RULES["he_fan_in"])).init(jax.random.key(0), batch)
    layers = kernels(params)
    assert len({float(w[0, 0]) for w, _ in layers}) == 6
    for w, b in layers:
        # five standard errors of the variance of w.size normals
        assert w.var() * w.shape[0] / 2 == pytest.approx(1, abs=5 * np.sqrt(2 / w.size))
        assert not b.any()


def test_deep_nets_compile_to_a_program_of_the_same_length(batch):
    def lines(depth):
        net = MLP(depth, 4, 3)
        params = net.init(jax.random.key(0), batch)
        return len(str(jax.make_jaxpr(jax.grad(lambda p: net.apply(p, batch).sum()))(params)).splitlines())

    assert lines(40) == lines(4)


def test_jit_and_vmap_change_nothing(batch):
    net = MLP(4, 4, 3)
    keys = jax.random.split(jax.random.key(0), 3)

    def outputs(key):
        return net.apply(net.init(key, batch), batch)

    together = jax.jit(jax.vmap(outputs))(keys)
    np.testing.assert_allclose(together, jnp.stack([outputs(key) for key in keys]), atol=1e-6)


def test_one_layer_is_refused(batch):
    with pytest.raises(ValueError, match="depth is 2 or more, got 1"):
        MLP(1, 4, 3).init(jax.random.key(0), batch)
