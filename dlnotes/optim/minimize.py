"""One compiled loop for every optimizer: until the gradient is small, the steps are spent, or nothing helps."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Bool, Float, Int

from dlnotes.optim import methods

CONVERGED, OUT_OF_STEPS, NO_DESCENT, NOT_FINITE = range(4)


class Trajectory(NamedTuple):
    """f and the measure of convergence at the first points, x₀ first; after the end as they were at the end.

    `x` has the points themselves, a leading axis on every leaf, or is None where they were not asked for.
    """

    fun: Float[Array, " points"]
    residual: Float[Array, " points"]
    x: Any = None


class Result(NamedTuple):
    """Where a minimization ended, with the names of `scipy.optimize.OptimizeResult`.

    `status`: 0 converged, 1 out of steps, 2 the line search found no lower point, 3 not finite. `success`: status 0.
    `nit` steps, `nfev` values, `njev` gradients, `nhev` dense Hessians, `nhvp` Hessian-vector products. `state` is the
    optimizer's own, where its skipped pairs, fallbacks and negative curvatures are counted.
    """

    x: Any
    fun: Float[Array, ""]
    jac: Any
    nit: Int[Array, ""]
    nfev: Int[Array, ""]
    njev: Int[Array, ""]
    nhev: Int[Array, ""]
    nhvp: Int[Array, ""]
    success: Bool[Array, ""]
    status: Int[Array, ""]
    state: Any
    trajectory: Trajectory


class _Loop(NamedTuple):
    x: Any
    fun: Array
    jac: Any
    residual: Array
    state: Any
    nit: Array
    nfev: Array
    njev: Array
    stalled: Array
    trajectory: Trajectory


def gradient_norm(x: Any, fun: Array, jac: Any) -> Float[Array, ""]:
    """‖g‖₂, the usual measure of how far a point is from critical."""
    return optax.tree.norm(jac)


def minimize(
    fun: Callable[[Any], Array],
    x0: Any,
    method: optax.GradientTransformation | str = "bfgs",
    *,
    tol: Float[Array, ""] | float = 1e-5,
    max_iters: Int[Array, ""] | int = 1000,
    residual: Callable[[Any, Array, Any], Array] = gradient_norm,
    trace: int = 0,
    trace_points: bool = False,
) -> Result:
    """Follow `method` from x₀ until residual(x, f(x), ∇f(x)) ≤ tol: one `lax.while_loop`, to be jitted or vmapped.

    `method` is a name (`methods.method` lists them) or any `optax.GradientTransformation`; it is handed value, grad and
    value_fn, as line searches and second-order methods need. `tol` and `max_iters` may be traced. `trace` keeps f and
    the residual of x₀ and of so many first steps: trace + 1 entries; `trace_points` also x. A vmapped call runs until
    its last member is done; those that are done stay as they are, and each has its own counts. On a CPU, where lanes
    are not free, `jax.lax.map` over the starts is usually faster, and compiles faster.
    """
    method = _transformation(method)
    x0 = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(leaf, jnp.float32)), x0)
    value, grad = jax.value_and_grad(fun)(x0)
    size = residual(x0, value, grad)
    one = jnp.ones((), jnp.int32)
    points = _first(x0, trace) if trace_points else None
    trajectory = Trajectory(_first(value, trace), _first(size, trace), points)
    start = _Loop(x0, value, grad, size, method.init(x0), 0 * one, one, one, jnp.zeros((), bool), trajectory)

    def go(loop: _Loop) -> Array:
        return (loop.residual > tol) & (loop.nit < max_iters) & ~loop.stalled & jnp.isfinite(loop.fun)

    end = jax.lax.while_loop(go, lambda loop: _advance(fun, method, residual, loop), start)
    return _result(end, end.residual <= tol)


def _transformation(method: Any) -> optax.GradientTransformationExtraArgs:
    """An optimizer by its name, or as it was given."""
    if isinstance(method, str):
        return methods.method(method)
    if not isinstance(method, optax.GradientTransformation):
        raise TypeError(f"method is a name such as 'bfgs' or an optax.GradientTransformation, got {method!r}")
    return optax.with_extra_args_support(method)


def _first(tree: Any, trace: int) -> Any:
    """Room for trace + 1 entries of every leaf, the first one filled."""
    return jax.tree.map(lambda leaf: jnp.full((trace + 1, *leaf.shape), jnp.nan, leaf.dtype).at[0].set(leaf), tree)


def _result(end: _Loop, converged: Array) -> Result:
    """What the loop came to."""
    finite = jnp.isfinite(end.fun) & jnp.isfinite(end.residual)
    unfinished = jnp.where(finite, jnp.where(end.stalled, NO_DESCENT, OUT_OF_STEPS), NOT_FINITE)
    after = jnp.arange(end.trajectory.fun.shape[0]) > end.nit
    last = Trajectory(end.fun, end.residual, end.x if end.trajectory.x is not None else None)
    trajectory = jax.tree.map(
        lambda kept, leaf: jnp.where(after.reshape(-1, *(1,) * leaf.ndim), leaf[None], kept), end.trajectory, last
    )
    return Result(
        end.x, end.fun, end.jac, end.nit, end.nfev, end.njev, _total(end.state, "nhev"), _total(end.state, "nhvp"),
        converged, jnp.where(converged, CONVERGED, unfinished), end.state, trajectory,
    )  # fmt: skip


def _advance(fun: Callable, method: optax.GradientTransformationExtraArgs, residual: Callable, loop: _Loop) -> _Loop:
    """One step; the value and gradient that a line search left in its state are not computed again.

    Where the search found no lower point, the loop stays where it was.
    """
    updates, state = method.update(loop.jac, loop.state, loop.x, value=loop.fun, grad=loop.jac, value_fn=fun)
    x = optax.apply_updates(loop.x, updates)
    search = _line_search(state)
    if search is not None and search.grad is not None:
        value, grad = search.value.astype(loop.fun.dtype), search.grad
    else:
        value, grad = jax.value_and_grad(fun)(x)
    values, gradients, missed = _account(search)
    unmoved = optax.tree.norm(optax.tree.sub(x, loop.x)) == 0
    stalled = (missed | ((search is not None) & unmoved)) & ~(value < loop.fun)
    new, old = (x, value, grad, residual(x, value, grad)), (loop.x, loop.fun, loop.jac, loop.residual)
    x, value, grad, size = jax.tree.map(lambda a, b: jnp.where(stalled, b, a), new, old)
    nit = loop.nit + 1
    here = Trajectory(value, size, x if loop.trajectory.x is not None else None)
    points = jax.tree.map(lambda kept, leaf: kept.at[nit].set(leaf, mode="drop"), loop.trajectory, here)
    return _Loop(x, value, grad, size, state, nit, loop.nfev + values, loop.njev + gradients, stalled, points)


def _line_search(state: Any) -> Any:
    """The state of Optax's line search inside an optimizer's state, or None."""
    kinds = (optax.ScaleByZoomLinesearchState, optax.ScaleByBacktrackingLinesearchState)
    leaves = jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, kinds))
    return next((leaf for leaf in leaves if isinstance(leaf, kinds)), None)


def _account(search: Any) -> tuple[Array, Array, Array]:
    """Values and gradients that this step took, and whether its line search gave up on a lower point."""
    one = jnp.ones((), jnp.int32)
    if search is None:
        return one, one, jnp.zeros((), bool)
    tried = search.info.num_linesearch_steps.astype(jnp.int32)
    zoom = isinstance(search, optax.ScaleByZoomLinesearchState)
    return tried, (tried if zoom else one), search.info.decrease_error > 0


def _total(state: Any, name: str) -> Int[Array, ""]:
    """The sum of all counters of this name in an optimizer's state."""
    found = [leaf for _, leaf in optax.tree.get_all_with_path(state, name)]
    return sum(found, jnp.zeros((), jnp.int32))
