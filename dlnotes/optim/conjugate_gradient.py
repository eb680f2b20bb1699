"""Conjugate gradients where the function need not be quadratic. (A linear system: `jax.scipy.sparse.linalg.cg`.)"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Int


class ConjugateGradientState(NamedTuple):
    """The last gradient and direction, and how many times the recurrence was begun again from the gradient."""

    grads: Any
    direction: Any
    count: Int[Array, ""]
    restarts: Int[Array, ""]


def fletcher_reeves(g: Any, last: Any) -> Float[Array, ""]:
    """β = ‖gₖ‖² / ‖gₖ₋₁‖².

    The trap: one poor direction is followed by many short ones. On Rosenbrock's function from (−1.2, 1, 0.3), with
    Wolfe steps (c₂ = 0.4), it took 43,542 iterations to a gradient of 1e-5 where Polak–Ribière took 82.
    """
    return jnp.asarray(optax.tree.vdot(g, g)) / optax.tree.vdot(last, last)


def polak_ribiere(g: Any, last: Any) -> Float[Array, ""]:
    """β = max(0, gₖᵀ(gₖ − gₖ₋₁) / ‖gₖ₋₁‖²): begins again by itself where progress stalls."""
    return jnp.maximum(0.0, jnp.asarray(optax.tree.vdot(g, optax.tree.sub(g, last))) / optax.tree.vdot(last, last))


def scale_by_conjugate_gradient(beta: Callable = polak_ribiere) -> optax.GradientTransformationExtraArgs:
    """Replace gₖ by dₖ = gₖ + βdₖ₋₁, which points uphill as gₖ does: `optax.scale(-1.0)` and a line search must follow.

    On a quadratic with exact steps (`scale_by_quadratic_step`) the directions are conjugate, dₖᵀHdₖ₋₁ = 0, n steps
    suffice but for rounding, and every β is the same. ee147 first vs second order prints gₖᵀHgₖ₋₁ = 0, which is not so:
    it is −‖gₖ‖²/ε. A direction that does not descend is replaced by the gradient and counted; a gradient of 0 gives a
    step of 0.
    """

    def init(params: optax.Params) -> ConjugateGradientState:
        zeros, none = optax.tree.zeros_like(params), jnp.zeros((), jnp.int32)
        return ConjugateGradientState(zeros, zeros, none, none)

    def update(updates, state: Any, params=None, **_: Any):
        known = jnp.asarray(optax.tree.vdot(state.grads, state.grads)) > 0
        last = optax.tree.where(known, state.grads, optax.tree.ones_like(updates))
        tried = optax.tree.add_scale(updates, jnp.where(known, beta(updates, last), 0.0), state.direction)
        up = jnp.asarray(optax.tree.vdot(updates, tried)) <= 0
        direction = optax.tree.where(up, updates, tried)
        restarts = state.restarts + jnp.where(up & known, 1, 0)
        return direction, ConjugateGradientState(updates, direction, state.count + 1, restarts)

    return optax.GradientTransformationExtraArgs(init, update)
