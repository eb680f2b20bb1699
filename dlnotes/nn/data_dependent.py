"""Initial weights that look at one minibatch: each layer is scaled until what it gives out has variance 1."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from dlnotes.nn.mlp import Affine, from_layers, layers


def scale_to_unit_variance(
    params: Mapping[str, Any], x: Float[Array, "batch *features"], activation: Callable[[Array], Array] = jax.nn.relu
) -> dict[str, Any]:
    """W_l ← W_l/s, b_l ← b_l/s with s² = Var(z_l) over the minibatch and all units of z_l = h_{l−1} W_l + b_l.

    For parameters of `mlp.MLP` and its activation. Layer by layer from the first, so that each sees inputs that are
    scaled already: one pass is exact, where the source repeats its own to a tolerance. A layer that gives out a
    constant stays as it is. Variance is taken about the mean over all units, which is not made 0; the output layer is
    scaled as well. The traps: a minibatch should be more than a few examples; the scales are those of this minibatch.
    Source: lectures Wt. Initialization as a hyperparameter; Mishkin & Matas 2015 (arXiv 1511.06422), algorithm 1.
    """
    h, scaled = x.reshape(x.shape[0], -1), []
    for kernel, bias in layers(params):
        z = h @ kernel + bias[None]
        deviation = jnp.std(z)
        s = jnp.where(deviation > 0, deviation, 1.0)
        scaled.append(Affine(kernel / s, bias / s))
        h = activation(z / s)
    return from_layers(scaled)
