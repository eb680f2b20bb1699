"""Settings of an MLP's weights that give the same function: a minimum is never alone.

All take the parameters of `mlp.MLP` and change one hidden layer and the weights that lead out of it. `layer` counts
hidden layers from 1. They act on a network alone: what an optimizer has gathered has to be moved along.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, Int

from dlnotes.nn.mlp import Affine, from_layers, layers

Params = Mapping[str, Any]


def permute_hidden(params: Params, layer: int, order: Int[Array, " units"]) -> dict[str, Any]:
    """The units of a hidden layer in another order, for any activation: unit i is what `order[i]` was.

    `order` has to be a permutation; that is not checked, as it may be traced. Source: lectures Weight Space Symmetry.
    """
    return _between(
        params,
        layer,
        lambda into: Affine(into.kernel[:, order], into.bias[order]),
        lambda out: Affine(out.kernel[order], out.bias),
    )


def flip_hidden(params: Params, layer: int, signs: Float[Array, " units"], total: ArrayLike = 0.0) -> dict[str, Any]:
    """Units with `signs` −1 turned over: weights in and out of them, and their biases, are negated.

    For activations with φ(z) + φ(−z) = `total`: 0 for odd ones such as tanh, 1 for the sigmoid, whose flip moves
    v·total into the biases after it. The trap: the lectures leave open which activations have this; ReLU has not (see
    `rescale_hidden`). Source: lectures Weight Space Symmetry.
    """
    turned = (1.0 - signs) / 2.0
    return _between(
        params,
        layer,
        lambda into: Affine(into.kernel * signs[None, :], into.bias * signs),
        lambda out: Affine(out.kernel * signs[:, None], out.bias + total * (turned @ out.kernel)),
    )


def rescale_hidden(params: Params, layer: int, factors: Float[Array, " units"]) -> dict[str, Any]:
    """What leads into each unit times its factor > 0, what leads out of it over that.

    For activations with φ(az) = aφ(z) for a > 0: ReLU, leaky ReLU, absolute value. A whole family of equal settings, in
    which the curvature takes every height: H′ = D⁻¹HD⁻¹ where θ′ = Dθ, so that sharpness alone says nothing of the
    function. Source: Dinh et al. 2017 (arXiv 1703.04933), section 4.
    """
    return _between(
        params,
        layer,
        lambda into: Affine(into.kernel * factors[None, :], into.bias * factors),
        lambda out: Affine(out.kernel / factors[:, None], out.bias),
    )


def count_symmetries(widths: Sequence[int], odd: bool = True) -> int:
    """Π M!·2ᴹ over hidden layers of M units: equal settings of almost every network; M! alone if φ is not odd.

    Source: lectures Weight Space Symmetry.
    """
    return math.prod(math.factorial(units) * (2**units if odd else 1) for units in widths)


def _between(
    params: Params, layer: int, into: Callable[[Affine], Affine], out: Callable[[Affine], Affine]
) -> dict[str, Any]:
    """The same network, but for the weights into and out of one hidden layer."""
    parts = layers(params)
    if not 1 <= layer < len(parts):
        raise ValueError(f"this network has the hidden layers 1 to {len(parts) - 1}, got layer={layer}")
    before, after = parts[layer - 1], parts[layer]
    return from_layers([*parts[: layer - 1], into(before), out(after), *parts[layer + 1 :]])
