"""Conjugate gradients for functions that need not be quadratic. (For a linear system: `jax.scipy.sparse.linalg.cg`.)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Int


class ConjugateGradientState(NamedTuple):
    """The last gradient and direction, and how many times the recurrence was begun again from the gradient."""

    grads: optax.Updates
    direction: optax.Updates
    count: Int[Array, ""]
    restarts: Int[Array, ""]


def fletcher_reeves(g: optax.Updates, last: optax.Updates) -> Float[Array, ""]:
    """β = ‖gₖ‖² / ‖gₖ₋₁‖²."""
    return optax.tree.vdot(g, g) / optax.tree.vdot(last, last)


def polak_ribiere(g: optax.Updates, last: optax.Updates) -> Float[Array, ""]:
    """β = max(0, gₖᵀ(gₖ − gₖ₋₁) / ‖gₖ₋₁‖²): forgets by itself where progress stalls."""
    return jnp.maximum(0.0, optax.tree.vdot(g, optax.tree.sub(g, last)) / optax.tree.vdot(last, last))


def scale_by_conjugate_gradient(beta: Callable = polak_ribiere) -> optax.GradientTransformation:
    """Replace gₖ by dₖ = gₖ + β dₖ₋₁; a line search has to follow.

    On a quadratic with exact steps (`scale_by_quadratic_step`) the directions are conjugate, dₖᵀHdₖ₋₁ = 0, and n steps suffice; every β agrees.
    (ee147 first vs second order prints gₖᵀHgₖ₋₁ = 0, which is not so: that is −‖gₖ‖²/ε.)
    A direction that does not descend is replaced by the gradient and counted.
    """

    def init(params: optax.Params) -> ConjugateGradientState:
        zeros, none = optax.tree.zeros_like(params), jnp.zeros((), jnp.int32)
        return ConjugateGradientState(zeros, zeros, none, none)

    def update(grads, state: ConjugateGradientState, params=None, **_: Any):
        last = optax.tree.where(state.count > 0, state.grads, optax.tree.ones_like(grads))
        factor = jnp.where(state.count > 0, beta(grads, last), 0.0)
        direction = optax.tree.add_scale(grads, factor, state.direction)
        descends = optax.tree.vdot(grads, direction) > 0
        direction = optax.tree.where(descends, direction, grads)
        restarts = state.restarts + jnp.where(descends, 0, 1)
        return direction, ConjugateGradientState(grads, direction, state.count + 1, restarts)

    return optax.GradientTransformationExtraArgs(init, update)
