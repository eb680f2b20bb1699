"""Newton's method: a step that the curvature scales, dense or through Hessian-vector products alone.

Both need the function itself: `update(grads, state, params, value_fn=fun)`, where `fun(params)` takes nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.flatten_util import ravel_pytree
from jaxtyping import Bool, Float, Int


class NewtonState(NamedTuple):
    """How many Hessians were formed, and how many steps fell back to the gradient."""

    nhev: Int[Array, ""]
    fallbacks: Int[Array, ""]


class NewtonCGState(NamedTuple):
    """How many Hessian-vector products were taken, and how many solves met a direction that does not curve up."""

    nhvp: Int[Array, ""]
    negative_curvature: Int[Array, ""]


class TruncatedCG(NamedTuple):
    """An approximate solution of Hp = g, the products it cost, and whether a direction with dᵀHd ≤ 0 ended it."""

    solution: Float[Array, "n"]
    nhvp: Int[Array, ""]
    negative_curvature: Bool[Array, ""]


def scale_by_newton(damping: Float[Array, ""] | float = 0.0, keep_descent: bool = False) -> optax.GradientTransformation:
    """Replace g by (H + αI)⁻¹ g, solving with the dense Hessian: O(n²) memory, O(n³) time.

    With α = 0 this is the notes' step, which runs to *any* critical point, saddles and maxima included; α above −λₘᵢₙ makes it descend.
    Where H + αI is exactly singular the gradient itself is used, never NaN; with `keep_descent` also where gᵀp ≤ 0,
    as a line search needs. Both are counted in the state. Source: ee147 first vs second order, cs182 3.2 Algorithm 2.
    """

    def init(params: optax.Params) -> NewtonState:
        return NewtonState(jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))

    def update(grads, state: NewtonState, params=None, *, value_fn: Callable, **_: Any):
        if params is None:
            raise ValueError("Newton's method needs the point: update(grads, state, params, value_fn=fun)")
        g, restore = ravel_pytree(grads)
        x, restore_params = ravel_pytree(params)
        hessian = jax.hessian(lambda flat: value_fn(restore_params(flat)))(x)
        p = jnp.linalg.solve(hessian + damping * jnp.eye(x.size, dtype=x.dtype), g)
        sound = jnp.all(jnp.isfinite(p)) & ((g @ p > 0) | (not keep_descent))
        fallbacks = state.fallbacks + jnp.where(sound, 0, 1)
        return restore(jnp.where(sound, p, g)), NewtonState(state.nhev + 1, fallbacks)

    return optax.GradientTransformationExtraArgs(init, update)


def newton(
    learning_rate: optax.ScalarOrSchedule = 1.0,
    damping: Float[Array, ""] | float = 0.0,
    linesearch: optax.GradientTransformation | None = None,
) -> optax.GradientTransformation:
    """θ ← θ − ε (H + αI)⁻¹ g, or with a line search along that direction (`optax.scale_by_zoom_linesearch` for Wolfe's conditions).

    ε = 1 minimizes a quadratic in one step if α = 0; elsewhere nothing bounds the step, so far from a minimum it needs the line search.
    Source: cs182 3.2 Algorithm 2 (which has the step size), ee147 first vs second order (which has ε = 1 and the damping).
    """
    return optax.chain(
        scale_by_newton(damping, keep_descent=linesearch is not None),
        optax.scale_by_learning_rate(learning_rate),
        optax.identity() if linesearch is None else linesearch,
    )


def hessian_vector_product(fun: Callable, params: optax.Params, direction: optax.Params) -> optax.Params:
    """H·v by one forward derivative of the gradient: about the price of two gradients; H is never formed."""
    return jax.jvp(jax.grad(fun), (params,), (direction,))[1]


def truncated_cg(product: Callable, g: Float[Array, "n"], max_steps: Int[Array, ""] | int) -> TruncatedCG:
    """Solve Hp = g by conjugate gradients until ‖r‖₁ ≤ min(½, √‖g‖₁)·‖g‖₁, or until a direction d with dᵀHd ≤ 0.

    Such a direction is not followed: what is solved so far is returned, or (gᵀg/|gᵀHg|)·g if it is the first. The rules are those of
    `scipy.optimize.minimize(method="Newton-CG")`, save that flat means dᵀHd ≤ 3ε‖d‖‖Hd‖ here and dᵀHd ≤ 3ε there, which takes
    every small gradient for flat. The tolerance makes Newton's method converge superlinearly.
    """
    size = jnp.sum(jnp.abs(g))
    tolerance = jnp.minimum(0.5, jnp.sqrt(size)) * size
    eps = jnp.finfo(g.dtype).eps

    def go(carry):
        _, r, _, steps, flat = carry
        return (steps < max_steps) & (jnp.sum(jnp.abs(r)) > tolerance) & ~flat

    def step(carry):
        p, r, d, steps, _ = carry
        hd = product(d)
        curvature, rr = d @ hd, r @ r
        flat = curvature <= 3.0 * eps * jnp.linalg.norm(d) * jnp.linalg.norm(hd)
        alpha = rr / jnp.where(flat, 1.0, curvature)
        rescue = jnp.where(steps == 0, rr / jnp.where(curvature < 0, -curvature, rr), 0.0)
        r_next = jnp.where(flat, r, r - alpha * hd)
        d_next = r_next + (r_next @ r_next) / rr * d
        return p + jnp.where(flat, rescue, alpha) * d, r_next, d_next, steps + 1, flat

    start = (jnp.zeros_like(g), g, g, jnp.zeros((), jnp.int32), jnp.zeros((), bool))
    p, _, _, steps, flat = jax.lax.while_loop(go, step, start)
    return TruncatedCG(p, steps, flat)


def scale_by_newton_cg(max_steps: Int[Array, ""] | int | None = None) -> optax.GradientTransformation:
    """Replace g by an approximate H⁻¹g from `truncated_cg`: O(n) memory and a few Hessian-vector products, H is never formed.

    `max_steps` bounds the products a step (default 20 n, as SciPy). The direction always descends. Source: ee147 first vs second order.
    """

    def init(params: optax.Params) -> NewtonCGState:
        return NewtonCGState(jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))

    def update(grads, state: NewtonCGState, params=None, *, value_fn: Callable, **_: Any):
        if params is None:
            raise ValueError("Newton's method needs the point: update(grads, state, params, value_fn=fun)")
        g, restore = ravel_pytree(grads)
        x, restore_params = ravel_pytree(params)

        def product(d: Float[Array, "n"]) -> Float[Array, "n"]:
            return hessian_vector_product(lambda flat: value_fn(restore_params(flat)), x, d)

        solved = truncated_cg(product, g, 20 * x.size if max_steps is None else max_steps)
        new = NewtonCGState(state.nhvp + solved.nhvp, state.negative_curvature + solved.negative_curvature.astype(jnp.int32))
        return restore(solved.solution), new

    return optax.GradientTransformationExtraArgs(init, update)


def newton_cg(
    learning_rate: optax.ScalarOrSchedule = 1.0,
    linesearch: optax.GradientTransformation | None = None,
    max_steps: Int[Array, ""] | int | None = None,
) -> optax.GradientTransformation:
    """Newton's method without its matrix: the direction of `scale_by_newton_cg`, then a step size or a line search."""
    return optax.chain(
        scale_by_newton_cg(max_steps),
        optax.scale_by_learning_rate(learning_rate),
        optax.identity() if linesearch is None else linesearch,
    )
