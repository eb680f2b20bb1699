"""How signal and gradient fare through random layers, before any training."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int8

from dlnotes.nn.initializers import FanRule


class Signal(NamedTuple):
    """What `propagate` measures in each layer; log2 of 0 is −∞."""

    forward: Float[Array, " layers"]
    backward: Float[Array, " layers"]
    zeros: Float[Array, " layers"]
    saturated: Float[Array, " layers"]
    on: Int8[Array, "pairs width"]


def propagate(
    key: Array,
    x: Float[Array, "batch width"],
    rule: FanRule,
    activation: Callable[[Array], Array],
    *,
    layers: int,
    narrow: int,
) -> Signal:
    """Signal and gradient in layers of `narrow`, width, `narrow`, width, … units with weights by `rule` and no biases.

    z_l = φ(z_{l−1}) W_l with z₀ = `x`;  δ_l = ∂J/∂z_l for a J with δ of the last layer drawn from N(0, 1).
    forward = log2 mean z², backward = log2 mean δ², zeros = share φ(z) = 0, saturated = share |φ(z)| > 0.99, all by
    layer; on = whether φ(z) > 0 in every second layer, for the first input. `layers` is even.

    For ReLU E z_l² = ½ n_in Var(w) E z_{l−1}² and E δ_{l−1}² = ½ n_out Var(w) E δ_l²: with n units in every layer both
    are halved by Var(w) = 1/n and kept by 2/n. The trap: the mean logarithm of one draw falls by a further
    5/(2n ln 2) bits a layer. Source: ee147 Weight Initialization; cs182 4.4.2; He et al. 2015, section 2.2.
    """
    if layers % 2:
        raise ValueError(f"layers come in pairs, got {layers}; give an even number")
    k_top, k_weights = jax.random.split(key)
    batch, width = x.shape
    pairs = layers // 2
    # One flat draw for all weights: a program with many draws takes long to compile.
    draws = jax.random.normal(k_weights, (2 * pairs * width * narrow,))
    weights = [
        draws.reshape(2, pairs, *shape)[place] * jnp.sqrt(rule.variance(*shape)).astype(draws.dtype)
        for place, shape in enumerate([(width, narrow), (narrow, width)])
    ]
    still = [jnp.zeros((pairs, batch, units)) for units in (narrow, width)]

    def pair(z: Array, inputs: list[tuple[Array, Array]]) -> tuple[Array, tuple[Array, Array]]:
        measured = []
        for w, nudge in inputs:
            z = activation(z) @ w + nudge
            h = activation(z)
            measured.append(jnp.stack([log2_mean_square(z), jnp.mean(h == 0), jnp.mean(jnp.abs(h) > 0.99)]))
        return z, (jnp.stack(measured), (activation(z[0]) > 0).astype(jnp.int8))

    def top(nudges: list[Array]) -> tuple[Array, tuple[Array, Array]]:
        return lax.scan(pair, x, list(zip(weights, nudges, strict=True)))

    _, pullback, (measured, on) = jax.vjp(top, still, has_aux=True)
    (deltas,) = pullback(jax.random.normal(k_top, x.shape))
    backward = jnp.stack([jax.vmap(log2_mean_square)(delta) for delta in deltas], axis=1).ravel()
    forward, zeros, saturated = measured.reshape(layers, 3).T
    return Signal(forward, backward, zeros, saturated, on)


def log2_mean_square(x: Array) -> Float[Array, ""]:
    """log2 of the mean of x² over all entries, where x² itself would overflow or underflow; −∞ for zeros."""
    largest = jnp.max(jnp.abs(x))
    scaled = x / jnp.where(largest > 0, largest, 1)
    return 2 * jnp.log2(largest) + jnp.log2(jnp.mean(scaled**2))
