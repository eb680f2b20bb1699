"""The plain convolutional network: a twin by native convolutions, and its signal law."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from dlnotes.nn.convnet import PlainConvNet
from dlnotes.nn.mlp import parameter_count


@pytest.fixture
def batch():
    return jax.random.normal(jax.random.key(1), (3, 8, 6, 2))


def twin(params, x, stride):
    """Circular padding and native convolutions, one layer after the other."""
    layers = params["params"]
    first, stacked = layers["first"]["Conv_0"], layers["hidden"]["Conv_0"]
    weights = [(first["kernel"], first["bias"], stride)]
    weights += [(stacked["kernel"][i], stacked["bias"][i], 1) for i in range(stacked["kernel"].shape[0])]
    for kernel, bias, s in weights:
        padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="wrap")
        z = lax.conv_general_dilated(padded, kernel, (s, s), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = jax.nn.relu(z + bias.reshape(1, 1, 1, -1))
    return x.reshape(x.shape[0], -1) @ layers["output"]["kernel"] + layers["output"]["bias"].reshape(1, -1)


@pytest.mark.parametrize("stride", [1, 2])
def test_outputs_equal_native_convolutions(batch, stride):
    net = PlainConvNet(4, 5, 3, stride=stride)
    params = jax.tree.map(lambda x: x + 0.1, net.init(jax.random.key(0), batch))
    y, maps = jax.jit(lambda params, x: net.apply(params, x, method="trace"))(params, batch)
    np.testing.assert_allclose(y, jax.jit(lambda params, x: twin(params, x, stride))(params, batch), rtol=1e-4)
    assert maps.shape == (3, 3, 8 // stride, 6 // stride, 5)
    np.testing.assert_allclose(jax.jit(net.apply)(params, batch), y, rtol=1e-5)


def test_parameter_count(batch):
    params = PlainConvNet(4, 5, 3).init(jax.random.key(0), batch)
    assert parameter_count(params) == (9 * 2 * 5 + 5) + 2 * (9 * 5 * 5 + 5) + (4 * 3 * 5 * 3 + 3)


def test_circular_padding_keeps_the_signal_that_zeros_at_the_border_lose(batch):
    """E h² of layer 8 over that of layer 1: 1 for He with circular padding; with zeros less by its share of inputs."""

    def kept(padding):
        net = PlainConvNet(9, 16, 3, padding=padding)

        def squares(key):
            maps = net.apply(net.init(key, batch), batch, method="trace")[1]
            return jnp.mean(maps**2, axis=(1, 2, 3, 4))

        mean = jnp.mean(jax.jit(jax.vmap(squares))(jax.random.split(jax.random.key(2), 100)), axis=0)
        return float(mean[-1] / mean[0])

    assert 0.8 < kept("CIRCULAR") < 1.25  # spread of the ratio of means: about 0.06
    assert kept("SAME") < 0.3


def test_one_layer_is_refused(batch):
    with pytest.raises(ValueError, match="depth is 2 or more, got 1"):
        PlainConvNet(1, 4, 3).init(jax.random.key(0), batch)
