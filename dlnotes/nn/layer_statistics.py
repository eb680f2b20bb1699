"""What every layer of an MLP gives forward and gets back on one minibatch, and what it does to small changes.

(For random layers before any training, deeper than numbers reach: `signal.propagate`.)
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from dlnotes.nn.mlp import layers


class LayerStatistics(NamedTuple):
    """One number for each hidden layer."""

    activation_mean: Float[Array, " layers"]
    activation_variance: Float[Array, " layers"]
    gradient_variance: Float[Array, " layers"]
    dead: Float[Array, " layers"]
    saturated: Float[Array, " layers"]


def layer_statistics(
    params: Mapping[str, Any],
    x: Float[Array, "batch *features"],
    loss: Callable[[Array], Array],
    activation: Callable[[Array], Array] = jax.nn.relu,
    flat: float = 0.01,
) -> LayerStatistics:
    """Variances over the batch and all units of h_l = φ(z_l) and of ∂J/∂z_l, where J = `loss(outputs)`.

    `dead` is the share of units with φ′(z) = 0 on every example, which get no gradient at all; `saturated` the share of
    entries with |φ′(z)| < `flat`, for ReLU those that are off. For parameters of `mlp.MLP` and its activation. The
    trap: where J is a mean over examples, its gradient shrinks with the batch. Source: ee147 Weight Initialization,
    Nonlinear Activation Functions.
    """
    *hidden, last = layers(params)

    def run(nudges: Float[Array, "layers batch width"]) -> tuple[Array, tuple[list[Array], list[Array]]]:
        h, inside, outside = x.reshape(x.shape[0], -1), [], []
        for (kernel, bias), nudge in zip(hidden, nudges, strict=True):
            inside.append(h @ kernel + bias[None] + nudge)
            h = activation(inside[-1])
            outside.append(h)
        return loss(h @ last.kernel + last.bias[None]), (inside, outside)

    still = jnp.zeros((len(hidden), x.shape[0], last.kernel.shape[0]), last.kernel.dtype)
    gradient, (inside, outside) = jax.grad(run, has_aux=True)(still)
    z, h = jnp.stack(inside), jnp.stack(outside)
    slope = jnp.abs(jax.jvp(activation, (z,), (jnp.ones_like(z),))[1])
    over = (1, 2)
    return LayerStatistics(
        h.mean(over),
        h.var(over),
        gradient.var(over),
        jnp.mean(jnp.all(slope == 0, axis=1), axis=1),
        jnp.mean(slope < flat, axis=over),
    )


def jacobian_singular_values(
    function: Callable[[Array], Array], x: Float[Array, "batch inputs"]
) -> Float[Array, "batch singular"]:
    """Singular values of ∂f/∂x at each example, falling: how much f stretches a small change along each of its axes.

    `function` maps one example to a vector, say a stack of layers. All 1 is dynamical isometry: orthogonal weights
    without an activation. Costs as many gradients as f has outputs. Source: cs182 4.4.4; Saxe et al. 2013 (arXiv
    1312.6120).
    """
    return jax.vmap(lambda one: jnp.linalg.svd(jax.jacrev(function)(one), compute_uv=False))(x)
