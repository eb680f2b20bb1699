"""Curvature of a loss over any pytree of parameters, from products with its Hessian alone: O(steps·n) memory.

`steps` are Lanczos steps, each one Hessian-vector product, about the price of two gradients. The outermost eigenvalues
are found first, and best where a gap parts them from the rest: 20 to 60 steps do for a network.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree
from jaxtyping import Float, Int, Key, PyTree

from dlnotes.maths.linear_algebra import inertia
from dlnotes.optim.newton import hessian_vector_product

Loss = Callable[[Any], Array]

KINDS = ("minimum", "maximum", "saddle", "flat", "not finite")
MINIMUM, MAXIMUM, SADDLE, FLAT, NOT_FINITE = range(5)


class Tridiagonal(NamedTuple):
    """QᵀHQ = T: T's diagonal, what stands beside it (last: what is left over), and the orthonormal rows of Qᵀ."""

    diagonal: Float[Array, " steps"]
    beside: Float[Array, " steps"]
    basis: Float[Array, "steps n"]


class Eigenpairs(NamedTuple):
    """Eigenvalues, eigenvectors of length 1 (a leading axis on every leaf), and ‖Hv − λv‖ of each as Lanczos has it."""

    values: Float[Array, " count"]
    vectors: PyTree
    residuals: Float[Array, " count"]


class Extremes(NamedTuple):
    """The largest eigenvalues of a Hessian, falling, and the smallest, rising."""

    largest: Eigenpairs
    smallest: Eigenpairs


class Quadrature(NamedTuple):
    """Eigenvalues seen from random vectors: (1/n) tr f(H) ≈ mean over probes of Σᵢ weightᵢ·f(nodeᵢ), for any f."""

    nodes: Float[Array, "probes steps"]
    weights: Float[Array, "probes steps"]


class CriticalPoint(NamedTuple):
    """What kind it is (a place in `KINDS`), how many eigenvalues are negative (its index), how many count as 0."""

    kind: Int[Array, ""]
    index: Int[Array, ""]
    flat: Int[Array, ""]


def lanczos(
    product: Callable[[Array], Array], key: Key[Array, ""], n: int, steps: int, dtype: Any = None
) -> Tridiagonal:
    """`Tridiagonal` of a symmetric n×n matrix given by v ↦ Hv, from a random start, with full reorthogonalization.

    Without that, rounding brings eigenvalues back as copies. Where the Krylov space ends early (few different
    eigenvalues) it goes on from a new random direction, so that multiple eigenvalues are found too. Raises ValueError
    unless 1 ≤ steps ≤ n. Source: Golub & Van Loan, Matrix Computations, chapter 10.
    """
    if not 1 <= steps <= n:
        raise ValueError(f"Lanczos takes from 1 to n={n} steps, got steps={steps}")
    dtype = jnp.dtype(jnp.zeros(()).dtype if dtype is None else dtype)

    def across(basis: Array, v: Array) -> Array:
        """The part of v across the basis, of length 1: once more, as one subtraction leaves rounding behind."""
        v = v - (basis @ v) @ basis
        return v / jnp.linalg.norm(v)

    def step(carry, j):
        basis, v, scale = carry
        basis = basis.at[j].set(v)
        w = product(v)
        alpha = v @ w
        w = w - (basis @ w) @ basis
        w = w - (basis @ w) @ basis
        beta = jnp.linalg.norm(w)
        scale = jnp.maximum(scale, jnp.maximum(jnp.abs(alpha), beta))
        ended = beta <= 10.0 * jnp.finfo(dtype).eps * scale
        fresh = jax.random.normal(jax.random.fold_in(key, j + 1), (n,), dtype)
        w = jnp.where(ended, across(basis, fresh / jnp.linalg.norm(fresh)), w / jnp.where(ended, 1.0, beta))
        return (basis, across(basis, w), scale), (alpha, jnp.where(ended, 0.0, beta))

    start = jax.random.normal(jax.random.fold_in(key, 0), (n,), dtype)
    carry = (jnp.zeros((steps, n), dtype), start / jnp.linalg.norm(start), jnp.zeros((), dtype))
    (basis, _, _), (diagonal, beside) = jax.lax.scan(step, carry, jnp.arange(steps))
    return Tridiagonal(diagonal, beside, basis)


def hessian_eigenvalues(loss: Loss, params: PyTree, key: Key[Array, ""], count: int = 1, steps: int = 40) -> Extremes:
    """The `count` largest and smallest eigenvalues of ∇²L(θ), their eigenvectors, and how exact they are.

    The trap: a residual says how near an eigenvalue is, not that it is the outermost; more steps do. `steps` counts at
    most n. Keeps steps·n numbers: 160 MB for 40 steps and a million parameters. Raises ValueError if count > steps.
    """
    product, restore, x = _flat(loss, params)
    steps = min(steps, x.size)
    if not 1 <= count <= steps:
        raise ValueError(f"{steps} Lanczos steps have from 1 to {steps} eigenvalues, got count={count}")
    small = lanczos(product, key, x.size, steps, x.dtype)
    values, vectors = _eigh(small)
    residuals = jnp.abs(small.beside[-1] * vectors[-1])

    def pairs(places: Array) -> Eigenpairs:
        whole = jax.lax.map(lambda i: restore(vectors[:, i] @ small.basis), places)
        return Eigenpairs(values[places], whole, residuals[places])

    return Extremes(pairs(steps - 1 - jnp.arange(count)), pairs(jnp.arange(count)))


def sharpness(loss: Loss, params: PyTree, key: Key[Array, ""], steps: int = 20) -> Float[Array, ""]:
    """λₘₐₓ of ∇²L(θ): descent at a constant rate ε is stable where it is below 2/ε. A bound from below, soon tight."""
    product, _, x = _flat(loss, params)
    return _eigh(lanczos(product, key, x.size, min(steps, x.size), x.dtype))[0][-1]


def box_sharpness(
    loss: Loss, params: PyTree, key: Key[Array, ""], radius: Float[Array, ""] | float = 1e-3, steps: int = 10
) -> Float[Array, ""]:
    """100·(max L(θ + y) − L(θ))/(1 + L(θ)) over |yᵢ| ≤ ε(|θᵢ| + 1), in per cent, for a loss ≥ 0.

    The maximum is sought by signed gradient ascent from a random point of the box, L-BFGS-B in the source: a bound from
    below. It grows with n, so compare networks of one shape. Source: Keskar et al. 2016 (arXiv 1609.04836), metric 2.1.
    """
    x, restore = ravel_pytree(params)
    height, box = loss(params), radius * (jnp.abs(x) + 1.0)
    flat = jax.value_and_grad(lambda y: loss(restore(x + y)))

    def climb(i, carry):
        y, best = carry
        value, gradient = flat(y)
        length = 2.0 * (1.0 - i / steps)
        return jnp.clip(y + length * box * jnp.sign(gradient), -box, box), jnp.maximum(best, value)

    start = box * jax.random.uniform(key, x.shape, x.dtype, -1.0, 1.0)
    y, best = jax.lax.fori_loop(0, steps, climb, (start, height))
    return 100.0 * (jnp.maximum(best, loss(restore(x + y))) - height) / (1.0 + height)


def spectral_quadrature(
    loss: Loss, params: PyTree, key: Key[Array, ""], steps: int = 40, probes: int = 4
) -> Quadrature:
    """The whole spectrum of ∇²L(θ) by stochastic Lanczos quadrature, one probe after the other.

    nodes are T's eigenvalues, weights the squares of its eigenvectors' first entries: 2·steps − 1 moments of each
    probe's spectrum are exact, and on average over probes those of H's. Source: Ghorbani et al. 2019 (arXiv
    1901.10159); Golub & Meurant, Matrices, Moments and Quadrature.
    """
    product, _, x = _flat(loss, params)

    def probe(key: Array) -> tuple[Array, Array]:
        values, vectors = _eigh(lanczos(product, key, x.size, min(steps, x.size), x.dtype))
        return values, vectors[0] ** 2

    return Quadrature(*jax.lax.map(probe, jax.random.split(key, probes)))


def spectral_density(
    quadrature: Quadrature, points: Float[Array, " points"], width: Float[Array, ""] | float
) -> Float[Array, " points"]:
    """Share of the eigenvalues per unit at each point: Σᵢ weightᵢ·N(point; nodeᵢ, width²), its integral 1."""
    z = (points[:, None] - quadrature.nodes.reshape(1, -1)) / width
    bells = jnp.exp(-0.5 * z**2) / (width * jnp.sqrt(2.0 * jnp.pi))
    return bells @ quadrature.weights.reshape(-1) / quadrature.nodes.shape[0]


def hessian_trace(quadrature: Quadrature, n: int) -> Float[Array, ""]:
    """tr H ≈ n·Σ weight·node, averaged over probes: Hutchinson's estimate, without bias, from what is there already."""
    return n * jnp.mean(jnp.sum(quadrature.weights * quadrature.nodes, axis=-1))


def critical_point_kind(
    eigenvalues: Float[Array, " n"], tolerance: Float[Array, ""] | float | None = None
) -> CriticalPoint:
    """Minimum if all λ > 0, maximum if all λ < 0, saddle if both signs are there; else flat: H does not decide.

    Signs are counted by `linear_algebra.inertia`, |λ| ≤ tolerance as 0 (default n·eps·max|λ|, as for a rank). The trap:
    a flat point may be any of the three; `test_functions.monkey_saddle` has a saddle there. λₘᵢₙ and λₘₐₓ alone, as
    from `hessian_eigenvalues`, tell the kind but not the index. May be vmapped; `KINDS[int(kind)]` is the word. Source:
    dlbook 1.3.1; ee147.
    """
    n = eigenvalues.size
    up, down, zero = inertia(eigenvalues, tolerance)
    kind = jnp.select(
        [~jnp.isfinite(eigenvalues).all(), up == n, down == n, (up > 0) & (down > 0)],
        [jnp.asarray(code) for code in (NOT_FINITE, MINIMUM, MAXIMUM, SADDLE)],
        FLAT,
    )
    return CriticalPoint(kind, down, zero)


def _flat(loss: Loss, params: PyTree) -> tuple[Callable[[Array], Array], Callable, Array]:
    """v ↦ Hv for vectors, the way back to a pytree, θ as a vector."""
    x, restore = ravel_pytree(params)
    return lambda v: hessian_vector_product(lambda flat: loss(restore(flat)), x, v), restore, x


def _eigh(small: Tridiagonal) -> tuple[Array, Array]:
    """Eigenvalues of T, rising, and its eigenvectors as columns."""
    beside = small.beside[:-1]
    return jnp.linalg.eigh(jnp.diag(small.diagonal) + jnp.diag(beside, 1) + jnp.diag(beside, -1))
