"""Quadratics ½xᵀAx of a given spectrum, and how fast first-order methods may go down them.

Their minimum is at 0, so that an error keeps its relative precision however small it becomes. At the end two functions
of one number that are quadratic by parts: what holds on quadratics need not hold there.
Conditioning is the ratio κ of the largest to the smallest eigenvalue (dlbook (4.2)).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Complex, Float, Key


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


def nesterov_quadratic_steps(smallest: Float[Array, ""] | float, largest: Float[Array, ""] | float) -> Steps:
    """Nesterov's best constants on a quadratic: ε = 4/(3L+μ), β = (√(3κ+1)−2)/(√(3κ+1)+2) (Lessard et al. 2016).

    A step keeps 1 − 2/√(3κ+1) of the error in the long run: for large κ, √3 steps do what one of the heavy ball does.
    """
    largest = jnp.asarray(largest)
    root = jnp.sqrt(3.0 * largest / smallest + 1.0)
    return Steps(4.0 / (3.0 * largest + smallest), (root - 2.0) / (root + 2.0))


def descent_contraction(condition: Float[Array, "..."] | float) -> Float[Array, "..."]:
    """(κ−1)/(κ+1): what is left of the error after one step of descent at its best rate, in the worst direction."""
    return (jnp.asarray(condition) - 1.0) / (condition + 1.0)


def heavy_ball_contraction(condition: Float[Array, "..."] | float) -> Float[Array, "..."]:
    """r = (√κ−1)/(√κ+1): the heavy ball's rate a step, in the long run.

    The trap: from rest, k steps leave (1 + k(1−r))·rᵏ of the error along the flattest direction and (1 + k(1+r))·rᵏ
    along the steepest, so it rises before it falls.
    """
    return descent_contraction(jnp.sqrt(condition))


def momentum_roots(
    step: Float[Array, "*shape"] | float, momentum: Float[Array, "*shape"] | float, nesterov: Array | float = 0.0
) -> Complex[Array, "2 *shape"]:
    """The two factors by which a step multiplies the error along an axis of curvature λ, s = ελ; the larger first.

    Heavy ball: r² − (1 + α − s)r + α = 0. Nesterov: r² − (1 + α)(1 − s)r + α(1 − s) = 0. Everything follows from them:
    the error falls like |r₁|ᵏ; it changes its sign arg(r₁)/π times a step, in the long run; a pair of complex roots
    keeps √α, or √(α(1 − s)), of it. `nesterov` is 0 or 1 and may be traced. Sources: ee147 Optimizing Gradient Descent;
    cs182 3.3.1; Polyak 1964.
    """
    ahead = jnp.asarray(nesterov) > 0
    s, alpha = jnp.asarray(step), jnp.asarray(momentum)
    half = 0.5 * jnp.where(ahead, (1.0 + alpha) * (1.0 - s), 1.0 + alpha - s)
    product = jnp.where(ahead, alpha * (1.0 - s), alpha)
    root = jnp.sqrt(jax.lax.complex(half**2 - product, jnp.zeros_like(product + half)))
    first = half + jnp.where(half < 0, -root, root)
    return jnp.stack([first, 2.0 * half - first])


def momentum_noise(
    step: Float[Array, "*shape"] | float, momentum: Float[Array, "*shape"] | float
) -> Float[Array, "*shape"]:
    """What noise leaves of the heavy ball: Var(x)/(ε²σ²) = (1 + α)/((1 − α)s(2(1 + α) − s)), s = ελ.

    The variance in the long run along an axis of curvature λ, where gradients are λx + σξ with ξ independent at each
    step; inf where the method diverges, from s = 2(1 + α) or α = 1 on. For small s it is that of descent at the rate
    ε/(1 − α): at the same ε momentum amplifies noise.
    """
    s, alpha = jnp.asarray(step), jnp.asarray(momentum)
    divisor = (1.0 - alpha) * s * (2.0 * (1.0 + alpha) - s)
    settles = (divisor > 0) & (alpha < 1)
    return jnp.where(settles, (1.0 + alpha) / jnp.where(settles, divisor, 1.0), jnp.inf)


def kinked(x: Float[Array, ""]) -> Float[Array, ""]:
    """Convex, of curvature 25 but for 1 between 1 and 2; f′ is continuous, the minimum is 0 at 0.

    Polyak's constants for these two curvatures, ε = 1/9 and β = 4/9, suit every quadratic between them. Here the heavy
    ball runs with them from 3.3 into the cycle (792, −2208, 2592)/1225 and never arrives (Lessard et al. 2016).
    """
    gentle, far = 0.5 * x**2 + 24.0 * x - 12.0, 12.5 * x**2 - 24.0 * x + 36.0
    return jnp.where(x < 1.0, 12.5 * x**2, jnp.where(x < 2.0, gentle, far))


def two_wells(x: Float[Array, ""], barrier: Array | float, drop: Array | float) -> Float[Array, ""]:
    """min(½x², ½(x − D)² − h): a well at 0, a deeper one, by h, behind the ridge at x = d.

    D = d + √(d² + 2h), so that both parabolas meet at d, at the height ½d². From rest at −a on the left, a method that
    is linear on ½x² comes over the ridge if and only if its largest swing to the right, times a, exceeds d.
    """
    barrier, drop = jnp.asarray(barrier), jnp.asarray(drop)
    bottom = barrier + jnp.sqrt(barrier**2 + 2.0 * drop)
    return jnp.minimum(0.5 * x**2, 0.5 * (x - bottom) ** 2 - drop)
