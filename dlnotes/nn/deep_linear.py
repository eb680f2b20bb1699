"""A deep linear network: layers of equal width, scanned, with a normalization that is data after all but the last."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

from dlnotes.nn.normalization import Noise, Treatment, covariate_noise, treat


class DeepLinear(NamedTuple):
    """Parameters: every layer's matrix, and γ, β of the normalization after every layer but the last."""

    kernel: Float[Array, "layers width width"]
    scale: Float[Array, "hidden width"]
    offset: Float[Array, "hidden width"]


def init(key: Key[Array, ""], layers: int, width: int, variance: Array | float = 1.0) -> DeepLinear:
    """Matrices of i.i.d. N(0, variance/width): Glorot's for a square matrix where variance = 1; γ = 1, β = 0."""
    kernel = jnp.sqrt(variance / width) * jax.random.normal(key, (layers, width, width))
    return DeepLinear(kernel, jnp.ones((layers - 1, width)), jnp.zeros((layers - 1, width)))


def apply(
    params: DeepLinear, x: Float[Array, "batch width"], treatment: Treatment, noise: Noise | None = None
) -> tuple[Float[Array, "batch width"], Float[Array, "hidden batch width"]]:
    """x W₁ … W_L, normalized after each factor but the last, and what each normalization gave out.

    Plain and with β = 0 it is the product of the matrices. Source: Santurkar et al. 2018 (arXiv 1805.11604), section 2.
    """

    def layer(x: Array, part: tuple[Array, Array, Array, Noise | None]) -> tuple[Array, Array]:
        kernel, scale, offset, shift = part
        y = treat(x @ kernel, scale, offset, treatment, shift)
        return y, y

    hidden, outputs = jax.lax.scan(layer, x, (params.kernel[:-1], params.scale, params.offset, noise))
    return hidden @ params.kernel[-1], outputs


def draw_noise(key: Key[Array, ""], hidden: int, width: int, batch: int) -> Noise:
    """The published covariate shift, stacked for every normalization layer."""
    noise = covariate_noise(key, batch, hidden * width)
    return Noise(*(part.reshape(batch, hidden, width).swapaxes(0, 1) for part in noise))


def layer_numbers(params: DeepLinear) -> DeepLinear:
    """For each row of each stacked leaf, its layer's number from 0."""
    return jax.tree.map(lambda leaf: np.arange(leaf.shape[0]), params)
