"""Newton's method: a step scaled by the curvature, with the dense Hessian or through its products with vectors alone.

Both need the function itself: `update(grads, state, params, value_fn=fun)`, where `fun(params)` takes nothing else.
"""

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

    solution: Float[Array, " n"]
    nhvp: Int[Array, ""]
    negative_curvature: Bool[Array, ""]


def scale_by_newton(
    damping: Float[Array, ""] | float = 0.0, keep_descent: bool = False
) -> optax.GradientTransformationExtraArgs:
    """Replace g by (H + αI)⁻¹g, solving with the dense Hessian: O(n²) memory, O(n³) time.

    With α = 0 this is the notes' step, which runs to *any* critical point, saddles and maxima too; an α above −λₘᵢₙ
    makes it descend. Where H + αI is exactly singular the gradient itself is used, never NaN; with `keep_descent` also
    where gᵀp ≤ 0, as a line search needs it. The state counts both. Source: ee147 first vs second order; cs182 3.2.
    """

    def init(params: optax.Params) -> NewtonState:
        return NewtonState(jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))

    def update(updates, state: Any, params=None, *, value_fn: Callable | None = None, **_: Any):
        g, restore, x, fun = _flat(updates, params, value_fn)
        p = jnp.linalg.solve(jax.hessian(fun)(x) + damping * jnp.eye(x.size, dtype=x.dtype), g)
        sound = jnp.all(jnp.isfinite(p)) & ((g @ p > 0) | (not keep_descent))
        new = NewtonState(state.nhev + 1, state.fallbacks + jnp.where(sound, 0, 1))
        return restore(jnp.where(sound, p, g)), new

    return optax.GradientTransformationExtraArgs(init, update)


def newton(
    learning_rate: optax.ScalarOrSchedule = 1.0,
    damping: Float[Array, ""] | float = 0.0,
    linesearch: optax.GradientTransformation | None = None,
) -> optax.GradientTransformationExtraArgs:
    """θ ← θ − ε(H + αI)⁻¹g, or with a line search along that direction, say `optax.scale_by_zoom_linesearch`.

    ε = 1 and α = 0 minimize a quadratic in one step. Elsewhere nothing bounds the step: far from a minimum it needs the
    line search. Source: cs182 3.2 Algorithm 2 (with a step size ε); ee147 first vs second order (ε = 1, and damping α).
    """
    return along(scale_by_newton(damping, keep_descent=linesearch is not None), learning_rate, linesearch)


def hessian_vector_product(fun: Callable, params: Any, direction: Any) -> Any:
    """H·v as the forward derivative of the gradient along v: about the price of two gradients; H is never formed."""
    return jax.jvp(jax.grad(fun), (params,), (direction,))[1]


def truncated_cg(product: Callable, g: Float[Array, " n"], max_steps: Int[Array, ""] | int) -> TruncatedCG:
    """Solve Hp = g by conjugate gradients until ‖r‖₁ ≤ min(½, √‖g‖₁)·‖g‖₁, or until a direction d has dᵀHd ≤ 0.

    Such a direction is not followed: what is solved so far is returned, or if it is the first, (gᵀg/|gᵀHg|)·g, and g
    itself where gᵀHg = 0. These are the rules of `scipy.optimize.minimize(method="Newton-CG")`, save that flat means
    dᵀHd ≤ 3·eps·‖d‖‖Hd‖ here (eps of the dtype) and ≤ 3·eps there, which takes every small gradient for flat. The
    tolerance lets Newton's method converge superlinearly.
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


def scale_by_newton_cg(max_steps: Int[Array, ""] | int | None = None) -> optax.GradientTransformationExtraArgs:
    """Replace g by an approximate H⁻¹g from `truncated_cg`: O(n) memory, a few products with H, which is never formed.

    `max_steps` bounds the products a step (default 20 n, as SciPy). The direction always descends.
    """

    def init(params: optax.Params) -> NewtonCGState:
        return NewtonCGState(jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))

    def update(updates, state: Any, params=None, *, value_fn: Callable | None = None, **_: Any):
        g, restore, x, fun = _flat(updates, params, value_fn)
        limit = 20 * x.size if max_steps is None else max_steps
        solved = truncated_cg(lambda d: hessian_vector_product(fun, x, d), g, limit)
        flat = state.negative_curvature + jnp.where(solved.negative_curvature, 1, 0)
        return restore(solved.solution), NewtonCGState(state.nhvp + solved.nhvp, flat)

    return optax.GradientTransformationExtraArgs(init, update)


def newton_cg(
    learning_rate: optax.ScalarOrSchedule = 1.0,
    linesearch: optax.GradientTransformation | None = None,
    max_steps: Int[Array, ""] | int | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Newton's method without its matrix: the direction of `scale_by_newton_cg`, then a step size or a line search."""
    return along(scale_by_newton_cg(max_steps), learning_rate, linesearch)


def _flat(updates: Any, params: Any, value_fn: Callable | None) -> tuple[Array, Callable, Array, Callable]:
    """g as a vector, the way back, θ as a vector, and the function of such a vector."""
    if params is None or value_fn is None:
        raise ValueError("Newton's method needs the point and the function: update(grads, state, params, value_fn=fun)")
    g, restore = ravel_pytree(updates)
    x, restore_params = ravel_pytree(params)
    return g, restore, x, lambda flat: value_fn(restore_params(flat))


def along(
    direction: optax.GradientTransformation,
    learning_rate: optax.ScalarOrSchedule,
    linesearch: optax.GradientTransformation | None,
) -> optax.GradientTransformationExtraArgs:
    """Walk against a direction, θ ← θ − εp: by a step size ε, or as far as a line search says that begins with ε."""
    search = optax.identity() if linesearch is None else linesearch
    return optax.chain(direction, optax.scale_by_learning_rate(learning_rate), search)
