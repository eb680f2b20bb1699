"""Support vector machines with a kernel: the dual, by sequential minimal optimization, two multipliers a step."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from dlnotes.classical import neighbors

Kernel = Callable[[Array, Array], Array]


class KernelSVM(NamedTuple):
    """αᵢyᵢ of every example (0 for all that are no support vector), the bias, and how the search for them ended."""

    x: Float[Array, "examples features"]
    coefficients: Float[Array, " examples"]
    bias: Float[Array, ""]
    steps: Int[Array, ""]
    converged: Bool[Array, ""]


def gaussian(gamma: Float[Array, ""] | float) -> Kernel:
    """k(a, b) = exp(−γ‖a − b‖²)."""
    return lambda a, b: jnp.exp(-gamma * neighbors.euclidean(a, b))


def linear(a: Float[Array, "m features"], b: Float[Array, "n features"]) -> Float[Array, "m n"]:
    """k(a, b) = aᵀb."""
    return a @ b.T


def fit(
    x: Float[Array, "examples features"],
    signs: Float[Array, " examples"],
    kernel: Kernel,
    strength: Float[Array, "*examples"] | float = 1.0,
    *,
    tol: Float[Array, ""] | float = 1e-3,
    max_steps: Int[Array, ""] | int = 100_000,
) -> KernelSVM:
    """max Σαᵢ − ½Σᵢⱼ αᵢαⱼyᵢyⱼk(xᵢ, xⱼ), 0 ≤ αᵢ ≤ C, Σαᵢyᵢ = 0: the dual of ½‖w‖² + C·Σ hinge.

    `signs` are −1 or 1, `strength` is C, one for all or one for each example: 0 leaves it out. Each step moves the pair
    that violates the optimality conditions most (second order choice) to its best point, until no violation exceeds
    `tol`: the rule of LIBSVM, whose solution this is. Keeps the n × n kernel matrix. Source: dlbook 1.4.5; Fan, Chen &
    Lin 2005.
    """
    if x.ndim != 2 or signs.shape != x.shape[:1]:
        raise ValueError(f"x [examples, features] and a sign for each are wanted, got {x.shape} and {signs.shape}")
    gram = kernel(x, x)
    diagonal = jnp.diag(gram)
    y = signs.astype(gram.dtype)
    c = jnp.broadcast_to(jnp.asarray(strength, gram.dtype), y.shape)
    tiny = jnp.asarray(1e-12, gram.dtype)

    def violation(alpha: Array, slope: Array) -> tuple[Array, Array, Array, Array]:
        """−y∇ where α may rise and where it may fall, the most violating i, and by how much any pair does."""
        score = -y * slope
        up = jnp.where(jnp.where(y > 0, alpha < c, alpha > 0), score, -jnp.inf)
        low = jnp.where(jnp.where(y > 0, alpha > 0, alpha < c), score, jnp.inf)
        i = _argmax(up)
        return low, up[i], i, up[i] - low.min()

    def go(carry: tuple) -> Array:
        _, _, (*_, worst), steps = carry
        return (worst > tol) & (steps < max_steps)

    def step(carry: tuple) -> tuple:
        alpha, slope, (low, best, i, _), steps = carry
        gap = best - low
        curvature = jnp.maximum(diagonal[i] + diagonal - 2 * gram[i], tiny)
        j = _argmax(jnp.where(gap > 0, gap**2 / curvature, -jnp.inf))
        move = gap[j] / curvature[j]  # along yᵢ for i and against yⱼ for j, so that Σαy stays
        room_i = jnp.where(y[i] > 0, c[i] - alpha[i], alpha[i])
        room_j = jnp.where(y[j] > 0, alpha[j], c[j] - alpha[j])
        move = jnp.minimum(move, jnp.minimum(room_i, room_j))
        alpha = jnp.clip(alpha.at[i].add(y[i] * move).at[j].add(-y[j] * move), 0.0, c)
        slope = slope + move * y * (gram[i] - gram[j])
        return alpha, slope, violation(alpha, slope), steps + 1  # carried: `go` and the next step want it

    alpha, slope = jnp.zeros_like(y), -jnp.ones_like(y)
    begin = (alpha, slope, violation(alpha, slope), jnp.zeros((), jnp.int32))
    alpha, slope, (low, best, _, worst), steps = jax.lax.while_loop(go, step, begin)
    free = (alpha > 0) & (alpha < c)
    middle = (best + low.min()) / 2
    bias = jnp.where(free.any(), jnp.where(free, -y * slope, 0.0).sum() / jnp.maximum(free.sum(), 1), middle)
    return KernelSVM(x, alpha * y, bias, steps, worst <= tol)


def decision(model: KernelSVM, kernel: Kernel, x: Float[Array, "examples features"]) -> Float[Array, " examples"]:
    """Σᵢ αᵢyᵢk(xᵢ, x) + b: above 0 for the class of sign 1. Costs as many kernels as there are examples."""
    return kernel(x, model.x) @ model.coefficients + model.bias


def predict(model: KernelSVM, kernel: Kernel, x: Float[Array, "examples features"]) -> Float[Array, " examples"]:
    """The sign of the decision, −1 or 1."""
    return jnp.where(decision(model, kernel, x) > 0, 1.0, -1.0)


def sparse(model: KernelSVM) -> KernelSVM:
    """The same decision from the support vectors alone, as many kernels; outside jit, as their number is data."""
    kept = support(model)
    return model._replace(x=model.x[kept], coefficients=model.coefficients[kept])


def support(model: KernelSVM) -> Bool[Array, " examples"]:
    """Which examples are support vectors: α > 0."""
    return model.coefficients != 0


def _argmax(values: Array) -> Array:
    """The first place of the largest value, as two reductions that a CPU vectorizes; XLA's own it does not."""
    places = jnp.arange(values.size)
    return jnp.where(values == values.max(), places, values.size).min()
