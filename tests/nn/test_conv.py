"""The im2col convolution equals `lax.conv_general_dilated`: values, gradients, and inside compiled loops."""

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from dlnotes.nn import conv

PADDINGS = ("SAME", "VALID", ((2, 1), (0, 3)))


def draws(*shapes):
    keys = jax.random.split(jax.random.key(0), len(shapes))
    return [jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True)]


@pytest.mark.parametrize(
    ("window", "strides", "dilation", "padding"),
    [
        *itertools.product([(3, 3)], [(1, 1), (2, 2)], [(1, 1)], PADDINGS),
        ((1, 1), (1, 1), (1, 1), "SAME"),
        ((2, 4), (2, 1), (1, 1), "SAME"),
        ((3, 2), (1, 2), (2, 1), "SAME"),
    ],
)
def test_values_and_gradients_equal_the_native_convolution(window, strides, dilation, padding):
    x, w = draws((2, 7, 6, 3), (*window, 3, 4))
    numbers = lax.conv_dimension_numbers(x.shape, w.shape, ("NHWC", "HWIO", "NHWC"))

    def native(x, w):
        return lax.conv_general_dilated(x, w, strides, padding, rhs_dilation=dilation, dimension_numbers=numbers)

    def ours(x, w):
        return conv.im2col(x, w, strides, padding, dilation)

    @jax.jit
    def both(x, w, cotangent):
        return [(y, *pullback(cotangent)) for y, pullback in (jax.vjp(ours, x, w), jax.vjp(native, x, w))]

    (cotangent,) = draws(jax.eval_shape(native, x, w).shape)
    for got, expected in zip(*both(x, w, cotangent), strict=True):
        np.testing.assert_allclose(got, expected, atol=5e-5)  # sums of up to 84 products in another order


def hook_and_native(**layer):
    x, *_ = draws((3, 6, 5, 4))
    ours = nn.Conv(8, (3, 3), conv_general_dilated=conv.conv_general_dilated, **layer)
    variables = ours.init(jax.random.key(1), x)
    return x, variables, ours, nn.Conv(8, (3, 3), **layer)


@pytest.mark.parametrize(
    "layer",
    [
        {},
        {"strides": 2},
        {"kernel_dilation": 2},
        {"feature_group_count": 2},
        {"input_dilation": 2, "padding": 1},
        {"padding": "CIRCULAR"},
    ],
    ids=str,
)
def test_the_flax_layer_computes_the_same_with_the_hook(layer):
    x, variables, ours, native = hook_and_native(**layer)
    np.testing.assert_allclose(ours.apply(variables, x), native.apply(variables, x), atol=2e-5)


def test_the_hook_avoids_the_native_convolution_on_cpu_only(monkeypatch):
    x, variables, ours, _ = hook_and_native()
    on_cpu = str(jax.make_jaxpr(ours.apply)(variables, x))
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    elsewhere = str(jax.make_jaxpr(ours.apply)(variables, x))
    assert "conv_general_dilated" not in on_cpu
    assert "conv_general_dilated" in elsewhere


def test_one_and_three_dimensional_space():
    for space in ((9,), (4, 5, 3)):
        x, w = draws((2, *space, 3), (*(3,) * len(space), 3, 2))
        numbers = conv.lax.conv_dimension_numbers(x.shape, w.shape, _layout(len(space)))
        ones = (1,) * len(space)
        expected = lax.conv_general_dilated(x, w, ones, "SAME", dimension_numbers=numbers)
        np.testing.assert_allclose(conv.im2col(x, w, ones, "SAME"), expected, atol=2e-5)


def _layout(rank):
    space = "DHW"[-rank:]
    return (f"N{space}C", f"{space}IO", f"N{space}C")


def test_jit_and_vmap_change_nothing():
    xs, ws = draws((4, 2, 6, 6, 3), (4, 3, 3, 3, 5))

    def one(x, w):
        return conv.im2col(x, w, (1, 1), "SAME")

    together = jax.jit(jax.vmap(one))(xs, ws)
    np.testing.assert_allclose(together, jnp.stack([one(x, w) for x, w in zip(xs, ws, strict=True)]), atol=2e-5)
