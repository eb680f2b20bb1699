"""A plain deep convolutional network whose equal layers are scanned: no pooling, no normalization, no shortcuts."""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jaxtyping import Array, Float

from dlnotes.nn import conv, initializers


class Conv3x3(nn.Module):
    """h′ = φ(W ∗ h + b) with a 3×3 window, also given out as what a scan collects."""

    channels: int
    activation: Callable[[Array], Array]
    kernel_init: Initializer
    padding: str
    stride: int = 1

    @nn.compact
    def __call__(self, h: Float[Array, "batch height width channels"], _: None = None) -> tuple[Array, Array]:
        layer = nn.Conv(
            self.channels,
            (3, 3),
            self.stride,
            self.padding,
            kernel_init=self.kernel_init,
            conv_general_dilated=conv.conv_general_dilated,
        )
        h = self.activation(layer(h))
        return h, h


class PlainConvNet(nn.Module):
    """`depth` − 1 convolutions of 3×3 and φ, the first with `stride`, then one dense layer on the flattened last map.

    Padding is circular, so that every unit has the 9c inputs its fan-in counts. With zeros ("SAME") border units have
    fewer, and on an s×s map the signal's mean square shrinks by about ((3s − 2)/3s)² a layer: 0.69 at s = 4.
    """

    depth: int
    channels: int
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    kernel_init: Initializer = initializers.normal(initializers.RULES["he_fan_in"])
    stride: int = 2
    padding: str = "CIRCULAR"

    @nn.compact
    def trace(self, x: Float[Array, "batch height width c"]) -> tuple[Float[Array, "batch outputs"], Array]:
        """The outputs, and the maps [layers, batch, height, width, channels] of all convolutions."""
        if self.depth < 2:
            raise ValueError(
                f"a PlainConvNet has a convolution and a dense layer: depth is 2 or more, got {self.depth}"
            )
        shared = (self.channels, self.activation, self.kernel_init, self.padding)
        first, _ = Conv3x3(*shared, self.stride, name="first")(x)
        hidden = nn.scan(Conv3x3, variable_axes={"params": 0}, split_rngs={"params": True}, length=self.depth - 2)
        last, others = hidden(*shared, name="hidden")(first, None)
        y = nn.Dense(self.outputs, kernel_init=self.kernel_init, name="output")(last.reshape(last.shape[0], -1))
        return y, jnp.concatenate([first[None], others])

    def __call__(self, x: Float[Array, "batch height width c"]) -> Float[Array, "batch outputs"]:
        """The outputs alone."""
        return self.trace(x)[0]
