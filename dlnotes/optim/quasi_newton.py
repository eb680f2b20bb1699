"""BFGS: the inverse Hessian, learned from how gradients change. (With m pairs instead of a matrix: `optax.lbfgs`.)"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array
from jax.flatten_util import ravel_pytree
from jaxtyping import Float, Int


class BFGSState(NamedTuple):
    """The estimate of H⁻¹, where the last step began, and how many pairs were skipped for want of curvature."""

    inverse: Float[Array, "n n"]
    params: Float[Array, " n"]
    grads: Float[Array, " n"]
    count: Int[Array, ""]
    skipped: Int[Array, ""]


def bfgs_update(inverse: Float[Array, "n n"], s: Float[Array, " n"], y: Float[Array, " n"]) -> Float[Array, "n n"]:
    """(I − syᵀ/yᵀs) H⁻¹ (I − ysᵀ/yᵀs) + ssᵀ/yᵀs, multiplied out, so that it costs O(n²) and not O(n³).

    s = θₖ − θₖ₋₁, y = gₖ − gₖ₋₁. The result maps y to s, stays symmetric, and is positive definite exactly if yᵀs > 0.
    Source: ee147 first vs second order (where the minus signs of s and y were lost).
    """
    rho = 1.0 / (y @ s)
    hy = inverse @ y
    cross = jnp.outer(s, hy)
    return inverse - rho * (cross + cross.T) + rho * (1.0 + rho * (y @ hy)) * jnp.outer(s, s)


def scale_by_bfgs(scale_init_precond: bool = True) -> optax.GradientTransformationExtraArgs:
    """Replace g by Ĥ⁻¹g with the estimate that `bfgs_update` has learned from all steps so far: O(n²) memory and time.

    Starts from I, the first direction cut to length 1; `scale_init_precond` makes that I·yᵀs/yᵀy before the first pair.
    A pair with yᵀs ≤ ε·yᵀy would make the estimate indefinite: it is skipped and counted, as SciPy's L-BFGS-B does.
    The trap: n independent pairs do not rebuild H⁻¹ of a quadratic; n conjugate steps (exact line search) do.
    """

    def init(params: optax.Params) -> BFGSState:
        x, _ = ravel_pytree(params)
        none = jnp.zeros((), jnp.int32)
        return BFGSState(jnp.eye(x.size, dtype=x.dtype), x, jnp.zeros_like(x), none, none)

    def update(updates, state: Any, params=None, **_: Any):
        if params is None:
            raise ValueError("BFGS needs the point: update(grads, state, params)")
        g, restore = ravel_pytree(updates)
        x, _restore_params = ravel_pytree(params)
        s, y = x - state.params, g - state.grads
        curved = (y @ s > jnp.finfo(x.dtype).eps * (y @ y)) & (state.count > 0)
        s, y = jnp.where(curved, s, 1.0), jnp.where(curved, y, 1.0)
        first_pair = (state.count == state.skipped + 1) & scale_init_precond
        before = jnp.where(first_pair, (y @ s) / (y @ y), 1.0) * state.inverse
        inverse = jnp.where(curved, bfgs_update(before, s, y), state.inverse)
        skipped = state.skipped + jnp.where(curved | (state.count == 0), 0, 1)
        cut = jnp.where(state.count == 0, 1.0 / jnp.maximum(1.0, jnp.linalg.norm(g)), 1.0)
        return restore(cut * (inverse @ g)), BFGSState(inverse, x, g, state.count + 1, skipped)

    return optax.GradientTransformationExtraArgs(init, update)


def bfgs(
    learning_rate: optax.ScalarOrSchedule = 1.0,
    linesearch: optax.GradientTransformation | None = None,
    scale_init_precond: bool = True,
) -> optax.GradientTransformationExtraArgs:
    """θ ← θ − εĤ⁻¹g, or with a line search along that direction, which has to try the step 1 first.

    With `optax.scale_by_zoom_linesearch(30, initial_guess_strategy="one")` Wolfe's conditions make every yᵀs > 0.
    """
    search = optax.identity() if linesearch is None else linesearch
    return optax.chain(scale_by_bfgs(scale_init_precond), optax.scale_by_learning_rate(learning_rate), search)
