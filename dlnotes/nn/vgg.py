"""VGG networks of any depth and width, with a normalization that is data: plain, batch norm, noisy batch norm."""

import itertools
import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike
from jaxtyping import Float, Key

from dlnotes.nn import conv
from dlnotes.nn.initializers import RULES, fans
from dlnotes.nn.normalization import Moments, Noise, Normalization, Treatment, batch_moments, covariate_noise


class Widths(NamedTuple):
    """Channels of the 3×3 convolutions, stage by stage (2×2 pooling after each), then of hidden dense layers."""

    stages: tuple[tuple[int, ...], ...]
    dense: tuple[int, ...] = ()


WIDTHS = {
    "perceptron": Widths((), (32,) * 6),
    "tiny": Widths(((4,), (4,))),
    "small": Widths(((8, 8), (16, 16))),
    "vgg11": Widths(((64,), (128,), (256,) * 2, (512,) * 2, (512,) * 2), (4096, 4096)),
    "vgg13": Widths(((64,) * 2, (128,) * 2, (256,) * 2, (512,) * 2, (512,) * 2), (4096, 4096)),
    "vgg16": Widths(((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3), (4096, 4096)),
    "vgg19": Widths(((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4), (4096, 4096)),
    "vgg16_small_images": Widths(((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3)),
}


def glorot(scale: ArrayLike = 1.0) -> Initializer:
    """scale · N(0, 2/(n_in + n_out)), traced or not. Drawn flat: that compiles ten times as fast as in 4 axes."""

    def init(key: Array, shape: Sequence[Any], dtype: Any = jnp.float32, out_sharding: Any = None) -> Array:
        draws = jax.random.normal(key, (math.prod(shape),), dtype).reshape(tuple(shape))
        return jnp.asarray(scale * jnp.sqrt(RULES["glorot"].variance(*fans(shape))), dtype) * draws

    return init


class Outputs(NamedTuple):
    """Logits, what each normalization layer took in (its moments) and gave out (the next nonlinearity's input)."""

    logits: Float[Array, "batch classes"]
    moments: tuple[Moments, ...]
    normalized: tuple[Array, ...]


class Layer(nn.Module):
    """Weights without bias, then normalization, β being the bias: a 3×3 convolution of images, a product of vectors."""

    features: int
    kernel_init: Initializer

    @nn.compact
    def __call__(
        self, x: Array, treatment: Treatment, noise: Noise | None, moments: Moments | None
    ) -> tuple[Array, Moments]:
        same = {"use_bias": False, "kernel_init": self.kernel_init, "name": "weights"}
        if x.ndim == 4:
            weigh = nn.Conv(self.features, (3, 3), conv_general_dilated=conv.conv_general_dilated, **same)
        else:
            weigh = nn.Dense(self.features, **same)
        x = weigh(x)
        return Normalization(name="normalization")(x, treatment, noise, moments), batch_moments(x)


class VGG(nn.Module):
    """Stages of (3×3 convolution, normalization, ReLU) and 2×2 pooling, hidden dense layers alike, then a linear layer.

    Odd images are padded before pooling. Without stages it is a perceptron. `noise` (see `draw_noise`) and `moments`,
    which replace the batch's, have one entry for each layer. Layer i's parameters are `layer<i>`.
    Source: Simonyan, Zisserman 2014 (arXiv 1409.1556); ee147 VGGNet; ee147 Normalization.
    """

    widths: Widths
    classes: int = 10
    kernel_init: Initializer = glorot()

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "batch height width channels"],
        treatment: Treatment,
        noise: tuple[Noise, ...] | None = None,
        moments: tuple[Moments, ...] | None = None,
    ) -> Outputs:
        taken: list[Moments] = []
        given: list[Array] = []

        def layer(x: Array, features: int) -> Array:
            i = len(given)
            module = Layer(features, self.kernel_init, name=f"layer{i}")
            shift, known = None if noise is None else noise[i], None if moments is None else moments[i]
            y, seen = module(x, treatment, shift, known)
            taken.append(seen)
            given.append(y)
            return nn.relu(y)

        x = images
        for stage in self.widths.stages:
            for features in stage:
                x = layer(x, features)
            x = nn.max_pool(x, (2, 2), strides=(2, 2), padding="SAME")
        x = x.reshape(x.shape[0], -1)
        for features in self.widths.dense:
            x = layer(x, features)
        logits = nn.Dense(self.classes, kernel_init=self.kernel_init, name=f"layer{len(given)}")(x)
        return Outputs(logits, tuple(taken), tuple(given))


def draw_noise(key: Key[Array, ""], widths: Widths, batch: int) -> tuple[Noise, ...]:
    """The published covariate shift for every normalization layer of a `VGG`, in one draw."""
    units = [*(features for stage in widths.stages for features in stage), *widths.dense]
    noise = covariate_noise(key, batch, sum(units))
    ends = list(itertools.accumulate(units))
    return tuple(Noise(*(part[:, end - n : end] for part in noise)) for n, end in zip(units, ends, strict=True))


def layer_numbers(params: dict[str, Any]) -> dict[str, Any]:
    """For each leaf of the parameters of a `VGG` (without the "params" level), its layer's number from 0."""
    return {name: jax.tree.map(partial(_number, name), part) for name, part in params.items()}


def _number(name: str, _: Array) -> int:
    return int(name.removeprefix("layer"))
