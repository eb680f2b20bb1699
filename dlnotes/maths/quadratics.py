"""Quadratics ½xᵀAx of a given spectrum, and how fast first-order methods may go down them.

Their minimum is at 0, so that an error keeps its relative precision however small it becomes.
Conditioning is the ratio κ of the largest to the smallest eigenvalue (dlbook (4.2)).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key


class Steps(NamedTuple):
    """The constant step size, and the share of the last step kept, that suit a spectrum best."""

    learning_rate: Float[Array, ""]
    momentum: Float[Array, ""]


def log_spectrum(condition: Float[Array, ""] | float, n: int) -> Float[Array, " n"]:
    """n eigenvalues from 1 to κ at equal ratios: λᵢ = κ^(i/(n−1)), i = 0 … n−1."""
    if n < 2:
        raise ValueError(f"a condition number needs at least two eigenvalues, got n={n}")
    return jnp.asarray(condition) ** jnp.linspace(0.0, 1.0, n)


def with_spectrum(axes: Float[Array, "n n"], eigenvalues: Float[Array, " n"]) -> Float[Array, "n n"]:
    """A = QΛQᵀ: the symmetric matrix with these eigenvalues along the columns of Q.

    `jax.random.orthogonal(key, n)` draws Q uniformly over rotations.
    """
    return jnp.einsum("ij,j,kj->ik", axes, eigenvalues, axes)


def random_quadratic(
    key: Key[Array, ""], condition: Float[Array, ""] | float, n: int
) -> tuple[Float[Array, "n n"], Float[Array, "n n"]]:
    """A = QΛQᵀ, Q a uniform random rotation, Λ from 1 to κ at equal ratios; returns (A, Q), columns in Λ's order."""
    eigenvalues = log_spectrum(condition, n)
    axes = jax.random.orthogonal(key, n, dtype=eigenvalues.dtype)
    return with_spectrum(axes, eigenvalues), axes


def quadratic(matrix: Float[Array, "n n"], x: Float[Array, " n"]) -> Float[Array, ""]:
    """½ xᵀAx; for symmetric A its gradient is Ax and its Hessian A."""
    return 0.5 * x @ matrix @ x


def descent_steps(smallest: Float[Array, ""] | float, largest: Float[Array, ""] | float) -> Steps:
    """Gradient descent at its best constant rate: ε = 2/(μ+L), where both ends of the spectrum shrink alike."""
    rate = 2.0 / (jnp.asarray(smallest) + largest)
    return Steps(rate, jnp.zeros_like(rate))


def heavy_ball_steps(smallest: Float[Array, ""] | float, largest: Float[Array, ""] | float) -> Steps:
    """The heavy ball at its best constants: ε = 4/(√L+√μ)², β = ((√κ−1)/(√κ+1))² (Polyak 1964).

    In the convention v ← g + βv, θ ← θ − εv of `optax.sgd(ε, momentum=β)` (cs182 3.3.1).
    """
    low, high = jnp.sqrt(smallest), jnp.sqrt(largest)
    return Steps(4.0 / (high + low) ** 2, ((high - low) / (high + low)) ** 2)


def nesterov_steps(smallest: Float[Array, ""] | float, largest: Float[Array, ""] | float) -> Steps:
    """Nesterov's constants for curvature between μ and L: ε = 1/L, β = (√κ−1)/(√κ+1).

    For `optax.sgd(ε, β, nesterov=True)`. Unlike the heavy ball's they do for every such function, not only quadratics.
    """
    low, high = jnp.sqrt(smallest), jnp.sqrt(largest)
    return Steps(1.0 / jnp.asarray(largest), (high - low) / (high + low))


def descent_contraction(condition: Float[Array, "..."] | float) -> Float[Array, "..."]:
    """(κ−1)/(κ+1): what is left of the error after one step of descent at its best rate, in the worst direction."""
    return (jnp.asarray(condition) - 1.0) / (condition + 1.0)


def heavy_ball_contraction(condition: Float[Array, "..."] | float) -> Float[Array, "..."]:
    """r = (√κ−1)/(√κ+1): the heavy ball's rate a step, in the long run.

    The trap: from rest, k steps leave (1 + k(1−r))·rᵏ of the error along the flattest direction and (1 + k(1+r))·rᵏ
    along the steepest, so it rises before it falls.
    """
    return descent_contraction(jnp.sqrt(condition))
