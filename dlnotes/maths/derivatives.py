"""Slopes and curvatures along a line, the step they suggest, and gradients checked by differences, on any pytree."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.flatten_util import ravel_pytree
from jaxtyping import Float, PyTree

Scalar = Callable[[Any], Array]


class Along(NamedTuple):
    """First and second derivative of a function along a line."""

    slope: Float[Array, ""]
    curvature: Float[Array, ""]


class GradientCheck(NamedTuple):
    """How far a gradient is from differences: its distance, and the entry that contributes the most to it.

    `path` and `index` name that entry's leaf and its place there; `leaves` has every leaf's own distance.
    """

    distance: float
    passed: bool
    path: str
    index: tuple[int, ...]
    analytic: float
    numeric: float
    leaves: dict[str, float]


def directional_derivatives(fun: Scalar, params: PyTree, direction: PyTree) -> Along:
    """∇f(x)ᵀu and uᵀHu for the unit vector u = d/‖d‖, forward mode twice: about three values of f, no gradient.

    Least for u = −∇f/‖∇f‖, where the slope is −‖∇f‖. Both are 0 where d = 0. The trap: without ‖u‖ = 1 the second
    would grow like ‖d‖². Source: lectures Directional derivative, The Hessian Matrix; ee147 Gradient Descent.
    """
    norm = optax.tree.norm(direction)
    unit = optax.tree.scale(jnp.where(norm == 0, 0.0, 1.0 / jnp.where(norm == 0, 1.0, norm)), direction)
    return _along(fun, params, unit)


def along_descent(fun: Scalar, params: PyTree) -> Along:
    """(gᵀg, gᵀHg) at x: all that f(x − εg) ≈ f(x) − ε·gᵀg + ½ε²·gᵀHg needs. Source: dlbook 1.3.1 (4.9)."""
    gradient = jax.grad(fun)(params)
    return _along(fun, params, gradient)


def taylor_decrease(along: Along, step_size: Float[Array, "..."] | float) -> Float[Array, "..."]:
    """ε·gᵀg − ½ε²·gᵀHg: by how much a step −εg lowers f to second order; below 0 from ε = 2·gᵀg/gᵀHg on.

    `along` is from `along_descent`. Exact for quadratics. Source: dlbook (4.9); lectures Ill-conditioning of Hessian.
    """
    return step_size * along.slope - 0.5 * jnp.square(step_size) * along.curvature


def optimal_step_size(along: Along) -> Float[Array, ""]:
    """ε* = gᵀg/gᵀHg, which lowers the second-order model the most, by ½ε*·gᵀg; between 1/λₘₐₓ and 1/λₘᵢₙ if all λ > 0.

    `along` is from `along_descent`. ∞ where gᵀHg ≤ 0 (the model falls for ever), 0 where g = 0. Source: dlbook (4.10).
    """
    up = along.curvature > 0
    return jnp.where(up, along.slope / jnp.where(up, along.curvature, 1.0), jnp.where(along.slope > 0, jnp.inf, 0.0))


def numerical_gradient(
    fun: Scalar,
    params: PyTree,
    step: Float[Array, ""] | float | None = None,
    *,
    two_sided: bool = True,
    batch: int = 64,
) -> PyTree:
    """(f(θ + εeᵢ) − f(θ − εeᵢ))/2ε for each entry i, or with `two_sided=False` (f(θ + εeᵢ) − f(θ))/ε.

    The error is O(ε²), or O(ε), and rounding adds |f|·eps/ε: by default ε = eps^⅓, or eps^½, of the dtype, which about
    balances them. Takes 2n or n + 1 values of f, `batch` of them at a time, in that much memory. The divisor is the
    difference of the points as rounded. The trap: ε must move every entry: where θᵢ + ε = θᵢ the slope given is 0.
    Source: formulas 2.3.3; ee147 Gradient Descent.
    """
    x, restore = ravel_pytree(params)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise TypeError(f"differences need floating-point parameters, got {x.dtype}")
    default = float(jnp.finfo(x.dtype).eps) ** (1 / 3 if two_sided else 1 / 2)
    apart = jnp.asarray(default if step is None else step, x.dtype)
    center = jnp.zeros(()) if two_sided else fun(params)

    def slope(i: Array) -> Array:
        ahead = x.at[i].add(apart)
        back = x.at[i].add(-apart) if two_sided else x
        rise = fun(restore(ahead)) - (fun(restore(back)) if two_sided else center)
        run = ahead[i] - back[i]
        return jnp.where(run == 0, 0.0, rise / jnp.where(run == 0, 1.0, run)).astype(x.dtype)

    return restore(jax.lax.map(slope, jnp.arange(x.size), batch_size=batch))


def relative_distance(a: PyTree, b: PyTree) -> Float[Array, ""]:
    """‖a − b‖₂/(‖a‖₂ + ‖b‖₂): 0 for equal, 1 for opposite or where one is 0. Source: formulas 2.3.4."""
    apart = jnp.asarray(optax.tree.norm(optax.tree.sub(a, b)))
    size = optax.tree.norm(a) + optax.tree.norm(b)
    return jnp.where(size == 0, 0.0, apart / jnp.where(size == 0, 1.0, size))


def gradient_check(
    fun: Scalar,
    params: PyTree,
    gradient: Callable[[Any], Any] | None = None,
    *,
    step: float | None = None,
    tolerance: float = 1e-7,
    batch: int = 64,
) -> GradientCheck:
    """Whether ‖d_approx − d‖₂/(‖d_approx‖₂ + ‖d‖₂) < tolerance, for two-sided differences, and where it is worst.

    `gradient(params)` is what is checked, `jax.grad(fun)` if not given. Correct code is at 1e-11 to 1e-9 in float64 but
    4e-5 at best in float32, so that 1e-7 needs float64: with less, a tolerance below 1e-4 raises ValueError, as do
    leaves that do not fit. Traps: `fun` must be the same function at each call (with dropout, one fixed mask) and have
    the penalty that the gradient has; at kinks, as ReLU's, both are right and differ; some bugs show only away from the
    initialization. Not for training: it costs 2n values of f. Source: formulas 2.3.4.
    """
    least = 1e-4 if min(jnp.finfo(leaf.dtype).bits for leaf in _floating(params)) < 64 else 0.0
    if tolerance < least:
        raise ValueError(
            f"differences in float32 agree with a correct gradient to 4e-5 at best, got tolerance={tolerance:g}: "
            "check in float64, with jax.enable_x64(True) and parameters of that dtype, or from 1e-4 on"
        )
    exact = jax.jit(jax.grad(fun) if gradient is None else gradient)(params)
    if _shapes(exact) != _shapes(params):
        raise ValueError(f"a gradient has the leaves of its parameters, {_shapes(params)}, got {_shapes(exact)}")
    approximate = jax.jit(lambda at: numerical_gradient(fun, at, step, batch=batch))(params)
    distance = float(relative_distance(approximate, exact))
    path, index, analytic, numeric = _worst(exact, approximate)
    leaves = {
        jax.tree_util.keystr(place): float(relative_distance(a, b))
        for (place, a), b in zip(jax.tree.leaves_with_path(exact), jax.tree.leaves(approximate), strict=True)
    }
    return GradientCheck(distance, distance < tolerance, path, index, analytic, numeric, leaves)


def _along(fun: Scalar, params: PyTree, direction: PyTree) -> Along:
    """φ′(0) and φ″(0) of φ(t) = f(x + t·d)."""

    def slope(t: Array) -> Array:
        return jax.jvp(lambda s: fun(optax.tree.add_scale(params, s, direction)), (t,), (jnp.ones_like(t),))[1]

    zero = jnp.zeros((), jnp.result_type(*jax.tree.leaves(params), jnp.float32))
    return Along(*jax.jvp(slope, (zero,), (jnp.ones_like(zero),)))


def _floating(params: PyTree) -> list[Array]:
    leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(params)]
    if not leaves or not all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in leaves):
        raise TypeError(f"a gradient check needs floating-point parameters, got {[str(leaf.dtype) for leaf in leaves]}")
    return leaves


def _shapes(tree: PyTree) -> dict[str, tuple[int, ...]]:
    return {jax.tree_util.keystr(path): jnp.shape(leaf) for path, leaf in jax.tree.leaves_with_path(tree)}


def _worst(exact: PyTree, approximate: PyTree) -> tuple[str, tuple[int, ...], float, float]:
    """Path, index and both values of the entry that differs most; one that is not finite before all others."""
    worst = ("", (), math.nan, math.nan)
    most = -1.0
    for (path, a), b in zip(jax.tree.leaves_with_path(exact), jax.tree.leaves(approximate), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        apart = np.where(np.isfinite(a - b), np.abs(a - b), np.inf)
        if apart.size and apart.max() > most:
            place = tuple(int(i) for i in np.unravel_index(apart.argmax(), apart.shape))
            most, worst = apart.max(), (jax.tree_util.keystr(path), place, float(a[place]), float(b[place]))
    return worst
