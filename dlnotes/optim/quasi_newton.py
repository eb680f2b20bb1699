"""The inverse Hessian, learned from how gradients change: as a matrix (BFGS), or as the last m changes (L-BFGS)."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.flatten_util import ravel_pytree
from jaxtyping import Float, Int

from dlnotes.optim.newton import along


class BFGSState(NamedTuple):
    """The estimate of H⁻¹, where the last step began, and how many pairs were skipped for want of curvature."""

    inverse: Float[Array, "n n"]
    params: Float[Array, " n"]
    grads: Float[Array, " n"]
    count: Int[Array, ""]
    skipped: Int[Array, ""]


class LBFGSState(NamedTuple):
    """The last pairs (s, y) and their yᵀs, in a ring; where the last step began; how many were kept and skipped.

    The ring has a place more than pairs: the newest pair is written there and counts only if it is kept. To read back
    the one it may replace took a sixth longer at ten million parameters.
    """

    steps: Float[Array, "memory+1 n"]
    changes: Float[Array, "memory+1 n"]
    curvatures: Float[Array, " memory+1"]
    params: Float[Array, " n"]
    grads: Float[Array, " n"]
    count: Int[Array, ""]
    kept: Int[Array, ""]
    skipped: Int[Array, ""]


def bfgs_update(inverse: Float[Array, "n n"], s: Float[Array, " n"], y: Float[Array, " n"]) -> Float[Array, "n n"]:
    """(I − syᵀ/yᵀs) H⁻¹ (I − ysᵀ/yᵀs) + ssᵀ/yᵀs, multiplied out, so that it costs O(n²) and not O(n³).

    s = θₖ − θₖ₋₁, y = gₖ − gₖ₋₁. The result maps y to s, stays symmetric, and is positive definite exactly if yᵀs > 0.
    The trap: yᵀs = 0 divides by zero; `scale_by_bfgs` skips such a pair. Source: ee147 first vs second order (where the
    minus signs of s and y were lost).
    """
    rho = 1.0 / (y @ s)
    hy = inverse @ y
    cross = jnp.outer(s, hy)
    return inverse - rho * (cross + cross.T) + rho * (1.0 + rho * (y @ hy)) * jnp.outer(s, s)


def scale_by_bfgs(scale_init_precond: bool = True) -> optax.GradientTransformationExtraArgs:
    """Replace g by Ĥ⁻¹g with the estimate that `bfgs_update` has learned from all steps so far: O(n²) memory and time.

    Starts from I, the first direction cut to length 1; `scale_init_precond` makes that I·yᵀs/yᵀy before the first pair.
    A pair with yᵀs ≤ eps·‖y‖‖s‖ (eps of the dtype: 1.2e-7 or 2.2e-16) would make the estimate indefinite: it is skipped
    and counted. The trap: n independent pairs do not rebuild H⁻¹ of a quadratic; n conjugate steps (exact line search)
    do.
    """

    def init(params: optax.Params) -> BFGSState:
        x, _ = ravel_pytree(params)
        none = jnp.zeros((), jnp.int32)
        return BFGSState(jnp.eye(x.size, dtype=x.dtype), x, jnp.zeros_like(x), none, none)

    def update(updates, state: Any, params=None, **_: Any):
        g, restore, x, s, y, curved = _pair(updates, state, params)
        s, y = jnp.where(curved, s, 1.0), jnp.where(curved, y, 1.0)
        first_pair = (state.count == state.skipped + 1) & scale_init_precond
        before = jnp.where(first_pair, (y @ s) / (y @ y), 1.0) * state.inverse
        inverse = jnp.where(curved, bfgs_update(before, s, y), state.inverse)
        skipped = state.skipped + jnp.where(curved | (state.count == 0), 0, 1)
        return restore(_cut(g, state) * (inverse @ g)), BFGSState(inverse, x, g, state.count + 1, skipped)

    return optax.GradientTransformationExtraArgs(init, update)


def scale_by_lbfgs(
    memory: int = 10, pairs: Int[Array, ""] | int | None = None, scale_init_precond: bool = True
) -> optax.GradientTransformationExtraArgs:
    """Replace g by Ĥ⁻¹g with BFGS's estimate from the last m pairs alone, which is never formed: O(mn) memory and time.

    `memory` pairs are stored, the newest `pairs` of them used (default all; may be traced; 0 is gradient descent).
    The estimate starts from I·yᵀs/yᵀy of the newest pair, or from I without `scale_init_precond`: then it is that of
    `scale_by_bfgs` for as long as no pair is lost. Pairs are skipped and counted as there. `optax.scale_by_lbfgs` is
    the same but keeps every pair, so that one with yᵀs < 0 may turn the direction uphill unseen. Raises ValueError if
    memory < 1. Source: ee147 first vs second order; Nocedal & Wright, algorithm 7.4.
    """
    if memory < 1:
        raise ValueError(f"L-BFGS stores at least one pair, got memory={memory}")

    def init(params: optax.Params) -> LBFGSState:
        x, _ = ravel_pytree(params)
        ring, none = jnp.zeros((memory + 1, x.size), x.dtype), jnp.zeros((), jnp.int32)
        return LBFGSState(ring, ring, ring[:, 0], x, jnp.zeros_like(x), none, none, none)

    def update(updates, state: Any, params=None, **_: Any):
        g, restore, x, s, y, curved = _pair(updates, state, params)
        place = state.kept % (memory + 1)
        steps, changes = state.steps.at[place].set(s), state.changes.at[place].set(y)
        curvatures = state.curvatures.at[place].set(y @ s)
        kept = state.kept + jnp.where(curved, 1, 0)
        used = jnp.minimum(kept, memory if pairs is None else pairs)
        direction = _two_loops(steps, changes, curvatures, kept, used, g, scale_init_precond)
        skipped = state.skipped + jnp.where(curved | (state.count == 0), 0, 1)
        new = LBFGSState(steps, changes, curvatures, x, g, state.count + 1, kept, skipped)
        return restore(_cut(g, state) * direction), new

    return optax.GradientTransformationExtraArgs(init, update)


def _two_loops(
    steps: Array, changes: Array, curvatures: Array, kept: Array, used: Array, g: Array, scale: bool
) -> Float[Array, " n"]:
    """Ĥ⁻¹g: from the newest pair to the oldest, then back. A pair that is not used, or not there, has the weight 0."""
    memory = steps.shape[0] - 1
    order = (kept - 1 - jnp.arange(memory)) % (memory + 1)  # newest first
    there = jnp.arange(memory) < jnp.minimum(used, memory)
    curvature = curvatures[order]
    weights = jnp.where(there, 1.0 / jnp.where(there, curvature, 1.0), 0.0)

    def back(q, pair):
        place, weight = pair
        alpha = weight * (steps[place] @ q)
        return q - alpha * changes[place], alpha

    def forth(r, pair):
        place, weight, alpha = pair
        return r + (alpha - weight * (changes[place] @ r)) * steps[place], None

    q, alphas = jax.lax.scan(back, g, (order, weights))
    newest = changes[order[0]]
    gamma = jnp.where(there[0], curvature[0] / jnp.where(there[0], newest @ newest, 1.0), 1.0) if scale else 1.0
    return jax.lax.scan(forth, gamma * q, (order, weights, alphas), reverse=True)[0]


def bfgs(
    learning_rate: optax.ScalarOrSchedule = 1.0,
    linesearch: optax.GradientTransformation | None = None,
    scale_init_precond: bool = True,
) -> optax.GradientTransformationExtraArgs:
    """θ ← θ − εĤ⁻¹g, or with a line search along that direction, which has to try the step 1 first.

    With `optax.scale_by_zoom_linesearch(30, initial_guess_strategy="one")` Wolfe's conditions make every yᵀs > 0.
    """
    return along(scale_by_bfgs(scale_init_precond), learning_rate, linesearch)


def lbfgs(
    learning_rate: optax.ScalarOrSchedule = 1.0,
    linesearch: optax.GradientTransformation | None = None,
    memory: int = 10,
    pairs: Int[Array, ""] | int | None = None,
) -> optax.GradientTransformationExtraArgs:
    """`bfgs` with m pairs in place of the matrix, by `scale_by_lbfgs`; the same line search suits it."""
    return along(scale_by_lbfgs(memory, pairs), learning_rate, linesearch)


def _pair(updates: Any, state: Any, params: Any) -> tuple:
    """g and the way back, θ, s, y, and whether the pair has curvature enough to be learned from."""
    if params is None:
        raise ValueError("BFGS needs the point: update(grads, state, params)")
    (g, restore), (x, _) = ravel_pytree(updates), ravel_pytree(params)
    g, x = jax.lax.optimization_barrier((g, x))  # joined once: XLA would do it again, slowly, inside whatever uses them
    s, y = x - state.params, g - state.grads
    enough = jnp.finfo(x.dtype).eps * jnp.linalg.norm(y) * jnp.linalg.norm(s)
    return g, restore, x, s, y, (y @ s > enough) & (state.count > 0)


def _cut(g: Array, state: Any) -> Float[Array, ""]:
    """What makes the first direction no longer than 1: nothing is known of the curvature yet."""
    return jnp.where(state.count == 0, 1.0 / jnp.maximum(1.0, jnp.linalg.norm(g)), 1.0)
