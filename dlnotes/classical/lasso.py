"""Least squares with the L1 penalty, by proximal steps: weights that do not pay become exactly 0."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from dlnotes.classical.ridge import Linear


class Fit(NamedTuple):
    """Weights and biases, how far at most the objective is above its minimum for each output, and how it ended."""

    linear: Linear
    gap: Float[Array, " outputs"]
    steps: Int[Array, ""]
    converged: Bool[Array, ""]


def soft_threshold(x: Float[Array, "*shape"], threshold: Float[Array, "*#shape"] | float) -> Float[Array, "*shape"]:
    """sign(x)·max(|x| − t, 0): the minimum over z of ½(z − x)² + t|z|, t ≥ 0."""
    return jnp.sign(x) * jnp.maximum(jnp.abs(x) - threshold, 0.0)


def critical_strength(
    x: Float[Array, "examples features"], y: Float[Array, "examples outputs"], *, intercept: bool = True
) -> Float[Array, " outputs"]:
    """max|Xᵀy|, of centered data with `intercept`: from this λ on all weights are 0, below it some are not."""
    if intercept:
        x, y = x - x.mean(0)[None], y - y.mean(0)[None]
    return jnp.abs(x.T @ y).max(0)


def fit(
    x: Float[Array, "examples features"],
    y: Float[Array, "examples outputs"],
    strength: Float[Array, ""] | float,
    *,
    intercept: bool = True,
    tol: Float[Array, ""] | float = 1e-5,
    max_steps: Int[Array, ""] | int = 10_000,
) -> Fit:
    """The minimum of ½‖Y − Xθ‖² + λ‖θ‖₁ for λ = `strength` > 0: FISTA, from 0, with restarts; a path by `vmap`.

    θ ← S(v − Xᵀ(Xv − y)/L, λ/L), v = θ + β·(θ − θ_before), S the soft threshold, L the largest eigenvalue of XᵀX,
    which is formed. Ends when the duality gap is below `tol`·‖y‖² for each output, as scikit-learn's `Lasso`, whose
    alpha is λ/n. `intercept` adds a bias without penalty; `ridge.predict` predicts. The traps: float32 shows gaps down
    to about 1e-6·‖y‖² only; for λ = 0 there is no such bound (`ridge.fit`). Raises ValueError for shapes that do not
    fit. Source: ee147 Regularization; lectures Parameter Norm Penalties; Beck & Teboulle 2009.
    """
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or len(x) == 0:
        raise ValueError(f"x [examples, features] and y [examples, outputs] are wanted, got {x.shape} and {y.shape}")
    mean_x, mean_y = (v.mean(0) if intercept else jnp.zeros_like(v[0]) for v in (x, y))
    x, y = x - mean_x[None], y - mean_y[None]
    gram, moment, square = x.T @ x, x.T @ y, (y**2).sum(0)
    largest = jnp.linalg.eigvalsh(gram)[-1]
    rate = jnp.where(largest > 0, 1.0 / jnp.where(largest > 0, largest, 1.0), 0.0)
    strength = jnp.asarray(strength, x.dtype)

    def go(carry: tuple) -> Array:
        *_, gap, steps = carry
        return (steps < max_steps) & ~jnp.all(gap <= tol * square)

    def step(carry: tuple) -> tuple:
        theta, ahead, t, _, steps = carry
        after = soft_threshold(ahead - rate * (gram @ ahead - moment), rate * strength)
        uphill = ((ahead - after) * (after - theta)).sum() > 0  # momentum points the wrong way: begin it again
        t = jnp.where(uphill, 1.0, t)
        t_after = (1.0 + jnp.sqrt(1.0 + 4.0 * t**2)) / 2.0
        ahead = after + (t - 1.0) / t_after * (after - theta)
        return after, ahead, t_after, duality_gap(gram, moment, square, after, strength), steps + 1

    zero = jnp.zeros_like(moment)
    begin = (zero, zero, jnp.ones((), x.dtype), duality_gap(gram, moment, square, zero, strength), 0)
    theta, *_, gap, steps = jax.lax.while_loop(go, step, begin)
    return Fit(Linear(theta, mean_y - mean_x @ theta), gap, jnp.asarray(steps), jnp.all(gap <= tol * square))


def duality_gap(
    gram: Float[Array, "features features"],
    moment: Float[Array, "features outputs"],
    square: Float[Array, " outputs"],
    theta: Float[Array, "features outputs"],
    strength: Float[Array, ""] | float,
) -> Float[Array, " outputs"]:
    """½‖r‖² + λ‖θ‖₁ − (s·yᵀr − ½s²‖r‖²) with r = y − Xθ, s = min(1, λ/max|Xᵀr|): no less than f(θ) − min f.

    From XᵀX, Xᵀy and ‖y‖². Source: Kim et al. 2007.
    """
    left = moment - gram @ theta  # Xᵀr
    along = square - (moment * theta).sum(0)  # yᵀr
    residual = along - (theta * left).sum(0)
    slope = jnp.abs(left).max(0)
    s = jnp.where(slope > strength, strength / jnp.where(slope > 0, slope, 1.0), 1.0)
    return 0.5 * (1.0 + s**2) * residual + strength * jnp.abs(theta).sum(0) - s * along
