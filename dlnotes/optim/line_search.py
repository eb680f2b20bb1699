"""The step length that the curvature along a direction asks for.

Others: `optax.scale_by_zoom_linesearch` (Wolfe's conditions), `optax.scale_by_backtracking_linesearch` (Armijo's).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Int

from dlnotes.optim.newton import hessian_vector_product


class QuadraticStepState(NamedTuple):
    """The last step length, the Hessian-vector products taken, and how often the curvature was not positive."""

    learning_rate: Float[Array, ""]
    nhvp: Int[Array, ""]
    negative_curvature: Int[Array, ""]


def scale_by_quadratic_step() -> optax.GradientTransformationExtraArgs:
    """Scale a direction p by ε* = −gᵀp / pᵀHp, where the quadratic that fits along p is lowest; for p = −g, gᵀg / gᵀHg.

    The exact line search on a quadratic, for one Hessian-vector product. Where pᵀHp ≤ 0 there is no lowest point: p is
    kept as it came, and counted. Needs `update(p, state, params, grad=g, value_fn=fun)`. Source: dlbook (4.10).
    """

    def init(params: optax.Params) -> QuadraticStepState:
        rate = jnp.ones((), optax.tree.dtype(params, "lowest"))
        return QuadraticStepState(rate, jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))

    def update(updates, state: Any, params=None, *, grad=None, value_fn: Callable | None = None, **_: Any):
        if params is None or grad is None or value_fn is None:
            raise ValueError("the curvature is that of a function: update(p, state, params, grad=g, value_fn=fun)")
        curvature = jnp.asarray(optax.tree.vdot(updates, hessian_vector_product(value_fn, params, updates)))
        curved = curvature > 0
        slope = jnp.asarray(optax.tree.vdot(grad, updates))
        rate = jnp.where(curved, -slope / jnp.where(curved, curvature, 1.0), 1.0)
        negative = state.negative_curvature + jnp.where(curved, 0, 1)
        return optax.tree.scale(rate, updates), QuadraticStepState(rate, state.nhvp + 1, negative)

    return optax.GradientTransformationExtraArgs(init, update)
