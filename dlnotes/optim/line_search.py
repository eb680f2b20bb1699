"""The step length that the curvature along a direction asks for. (Wolfe's conditions: `optax.scale_by_zoom_linesearch`; Armijo's: `optax.scale_by_backtracking_linesearch`.)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Int

from dlnotes.optim.newton import hessian_vector_product


class QuadraticStepState(NamedTuple):
    """The last step length, how many Hessian-vector products were taken, and how often the curvature was not positive."""

    learning_rate: Float[Array, ""]
    nhvp: Int[Array, ""]
    negative_curvature: Int[Array, ""]


def scale_by_quadratic_step() -> optax.GradientTransformation:
    """Scale a direction p by ε* = −gᵀp / pᵀHp, the minimum along p of the quadratic that fits there: exact line search on a quadratic.

    For p = −g this is ε* = gᵀg/gᵀHg. One Hessian-vector product a step. Where pᵀHp ≤ 0 there is no minimum: p is kept as it came,
    and counted. `update` needs `grad` and `value_fn`. Source: dlbook (4.10).
    """

    def init(params: optax.Params) -> QuadraticStepState:
        rate = jnp.ones((), optax.tree.dtype(params, "lowest"))
        return QuadraticStepState(rate, jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))

    def update(updates, state: QuadraticStepState, params=None, *, grad, value_fn: Callable, **_: Any):
        if params is None:
            raise ValueError("the curvature is taken at the point: update(updates, state, params, grad=g, value_fn=fun)")
        curvature = optax.tree.vdot(updates, hessian_vector_product(value_fn, params, updates))
        curved = curvature > 0
        rate = jnp.where(curved, -optax.tree.vdot(grad, updates) / jnp.where(curved, curvature, 1.0), 1.0)
        negative = state.negative_curvature + jnp.where(curved, 0, 1)
        return optax.tree.scale(rate, updates), QuadraticStepState(rate, state.nhvp + 1, negative)

    return optax.GradientTransformationExtraArgs(init, update)
