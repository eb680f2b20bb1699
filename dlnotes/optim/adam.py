"""Adam whose start is data: with bias correction, without, moments started at the first gradient, warm-up.

The ordinary, corrected Adam is `optax.adam`; use that. What is here is what it lacks: every hyperparameter *and* the
treatment of the moments' bias are numbers, so that a comparison of them is one compiled program under `vmap`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from dlnotes.optim.schedules import linear_warmup


class Start(NamedTuple):
    """How the moments start; each field is 0 or 1, and may be traced."""

    corrected: ArrayLike
    """1: divide by the weight seen so far, 1 − βᵗ; 0: by 1, the moments are biased towards m₀ = v₀ = 0."""
    first_gradient: ArrayLike
    """1: m₁ = g₁ and v₁ = g₁²; 0: m₁ = (1 − β₁)g₁ and v₁ = (1 − β₂)g₁², as from m₀ = v₀ = 0."""


CORRECTED = Start(1.0, 0.0)
UNCORRECTED = Start(0.0, 0.0)
FIRST_GRADIENT = Start(0.0, 1.0)


class AdamState(NamedTuple):
    """Steps done, and the uncorrected running means m of g and v of g²."""

    t: Int[Array, ""]
    m: optax.Updates
    v: optax.Updates


def total_weight(t: ArrayLike, beta: ArrayLike) -> Float[Array, "*shape"]:
    """The weights of an exponential running mean over t values sum to 1 − βᵗ, the divisor of the bias correction.

    0 ≤ β < 1, t ≥ 1. Computed as −expm1(t log β): 1 − β**t loses all digits where βᵗ is near 1. The trap that is left:
    in float32 the number 0.9999 itself is off by 1.7e-8, which is 1.7e-4 of its distance to 1.
    Formulas 2.4 prints the divisor 1 − β, which is right at t = 1 only. Source: cs182 3.3.4, lines 3 and 4.
    """
    decay = jnp.asarray(beta, dtype=jnp.result_type(float, beta))
    log_decay = jnp.log(jnp.where(decay > 0, decay, jnp.finfo(decay.dtype).tiny))
    return -jnp.expm1(jnp.asarray(t, decay.dtype) * log_decay)


def correction_ratio(t: ArrayLike, beta1: ArrayLike, beta2: ArrayLike) -> Float[Array, "*shape"]:
    """How many times longer step t is without bias correction: r(t) = (1 − β₁ᵗ)/√(1 − β₂ᵗ).

    It holds for any gradients, as long as ε is negligible. Defaults: 3.16 at t = 1, at most 6.57 (t = 12), then to 1
    like √(1 − β₂ᵗ); below 1 for ever where β₁ = β₂. Sources: cs182 3.3.4 and ee147 Optimizing Gradient Descent, which
    disagree.
    """
    return total_weight(t, beta1) / jnp.sqrt(total_weight(t, beta2))


def scale_by_adam(
    start: Start = CORRECTED, beta1: ArrayLike = 0.9, beta2: ArrayLike = 0.999, epsilon: ArrayLike = 1e-8
) -> optax.GradientTransformation:
    """Adam's direction m̂/(√v̂ + ε) with m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², their bias treated as `start` says.

    `CORRECTED` is `optax.scale_by_adam`; `UNCORRECTED` is Adam without bias correction as ee147 prints it first. All
    arguments may be traced. Moments keep the dtype of their leaf. Trap: ee147 writes v for the first moment and for ε.
    Source: cs182 3.3.4 Algorithm 6; ee147 Optimizing Gradient Descent; formulas 2.4.5; Kingma & Ba (arXiv 1412.6980).
    """

    def init(params: optax.Params) -> AdamState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return AdamState(jnp.zeros((), jnp.int32), zeros, zeros)

    def update(updates: optax.Updates, state: Any, params: Any = None) -> tuple[optax.Updates, AdamState]:
        del params
        t = jnp.asarray(optax.safe_increment(state.t))
        whole = (t == 1) & (jnp.asarray(start.first_gradient) > 0)
        m = _running_mean(updates, state.m, beta1, whole)
        v = _running_mean(jax.tree.map(jnp.square, updates), state.v, beta2, whole)
        seen1, seen2 = (_divisor(start.corrected, t, beta) for beta in (beta1, beta2))
        direction = jax.tree.map(lambda m, v: ((m / seen1) / (jnp.sqrt(v / seen2) + epsilon)).astype(m.dtype), m, v)
        return direction, AdamState(t, m, v)

    return optax.GradientTransformation(init, update)


def adam(
    learning_rate: optax.ScalarOrSchedule,
    start: Start = CORRECTED,
    beta1: ArrayLike = 0.9,
    beta2: ArrayLike = 0.999,
    epsilon: ArrayLike = 1e-8,
    warmup: ArrayLike = 0,
) -> optax.GradientTransformation:
    """θ ← θ − αₜ m̂/(√v̂ + ε): `scale_by_adam`, α warmed up linearly over `warmup` steps (0: at once)."""
    schedule = linear_warmup(learning_rate, warmup)
    return optax.chain(scale_by_adam(start, beta1, beta2, epsilon), optax.scale_by_learning_rate(schedule))


def _divisor(corrected: ArrayLike, t: ArrayLike, beta: ArrayLike) -> Array:
    """1 − βᵗ if corrected, 1 if not."""
    return jnp.where(jnp.asarray(corrected) > 0, total_weight(t, beta), 1.0)


def _running_mean(values: Any, means: Any, beta: ArrayLike, whole: Array) -> Any:
    """β·mean + (1 − β)·value, or the value itself where it is the whole of the mean; in the dtype of the mean."""
    weight = jnp.where(whole, 1.0, 1 - beta)
    return jax.tree.map(lambda g, m: (beta * m + weight * g).astype(m.dtype), values, means)
