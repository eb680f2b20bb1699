"""What `jnp.linalg` leaves to its reader: signs of eigenvalues, and their order, eigenspaces, diagonalizability."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jax import Array
from jaxtyping import Complex, Float, Inexact, Int
from numpy.typing import ArrayLike

DEFINITENESS = (
    "positive definite", "positive semidefinite", "negative definite", "negative semidefinite", "indefinite", "zero",
    "not finite",
)  # fmt: skip
(
    POSITIVE_DEFINITE, POSITIVE_SEMIDEFINITE, NEGATIVE_DEFINITE, NEGATIVE_SEMIDEFINITE, INDEFINITE, ZERO, NOT_FINITE,
) = range(7)  # fmt: skip


class Eigen(NamedTuple):
    """Eigenvalues, the largest first, and the eigenvectors of length 1 in that order, as columns."""

    values: Float[Array, "*batch n"]
    vectors: Float[Array, "*batch n n"]


class Inertia(NamedTuple):
    """How many eigenvalues of a symmetric matrix are positive, are negative, and count as 0 (or are no number)."""

    positive: Int[Array, ""]
    negative: Int[Array, ""]
    zero: Int[Array, ""]


def inertia(eigenvalues: Float[Array, " n"], tolerance: Float[Array, ""] | float | None = None) -> Inertia:
    """The signs of eigenvalues, counted: |λ| ≤ tolerance is 0 (default n·eps·max|λ|, as for a rank).

    SᵀAS has the inertia of A for every invertible S (Sylvester): a change of variables leaves a minimum a minimum. May
    be vmapped. Raises ValueError unless the eigenvalues are a vector that is not empty. Source: dlbook 1.1; Horn &
    Johnson, Matrix Analysis, 4.5.
    """
    if eigenvalues.ndim != 1 or not eigenvalues.size:
        raise ValueError(f"inertia counts a vector of eigenvalues [n], n ≥ 1, got the shape {eigenvalues.shape}")
    n = eigenvalues.size
    rounding = n * jnp.finfo(eigenvalues.dtype).eps * jnp.max(jnp.abs(eigenvalues))
    zero = rounding if tolerance is None else tolerance
    positive, negative = jnp.sum(eigenvalues > zero), jnp.sum(eigenvalues < -zero)
    return Inertia(positive, negative, n - positive - negative)


def definiteness(matrix: Float[Array, "n n"], tolerance: Float[Array, ""] | float | None = None) -> Int[Array, ""]:
    """The sign of xᵀAx over all x ≠ 0, as a place in `DEFINITENESS`: from the signs of A's eigenvalues.

    They are counted as `inertia` counts them, so that a tiny definite matrix is definite. Only the symmetric part of A
    counts, as in xᵀAx. May be vmapped; `DEFINITENESS[int(code)]` is the word. The trap: xᵀAx is 0 at x = 0 for every
    A. Raises ValueError unless A is square. Source: dlbook 1.1; ee147 Matrices.
    """
    _square(matrix.shape)
    values = jnp.linalg.eigvalsh(matrix)
    n = values.size
    up, down, zero = inertia(values, tolerance)
    cases = {
        NOT_FINITE: ~jnp.isfinite(values).all(), ZERO: zero == n, INDEFINITE: (up > 0) & (down > 0),
        POSITIVE_DEFINITE: up == n, NEGATIVE_DEFINITE: down == n, POSITIVE_SEMIDEFINITE: up > 0,
    }  # fmt: skip
    return jnp.select(list(cases.values()), [jnp.asarray(code) for code in cases], NEGATIVE_SEMIDEFINITE)


def symmetric_eigen(matrix: Float[Array, "*batch n n"]) -> Eigen:
    """A = QΛQᵀ for symmetric A, λ₁ ≥ … ≥ λₙ: `jnp.linalg.eigh`, whose eigenvalues rise, the other way round.

    Not unique: signs of columns, and any basis where eigenvalues coincide. Source: dlbook 1.1.
    """
    values, vectors = jnp.linalg.eigh(matrix)
    return Eigen(values[..., ::-1], vectors[..., ::-1])


def eigenspace(matrix: ArrayLike, eigenvalue: complex, tolerance: float = 1e-7) -> Inexact[np.ndarray, "n dimension"]:
    """An orthonormal basis of {x : Ax = λx}, as columns: none where λ is no eigenvalue.

    Singular values of A − λI up to tolerance·max(‖A‖₂, |λ|) count as 0; SciPy's `null_space` has them relative to
    ‖A − λI‖, which for A = λI is rounding alone. In NumPy and 64 bits, since its shape depends on the values. Raises
    ValueError unless A is square and finite. Source: dlbook Appendix A.
    """
    a = _double(matrix)
    shifted = a - eigenvalue * np.eye(len(a))
    _, singular, rows = scipy.linalg.svd(shifted)
    rank = int(np.sum(singular > tolerance * max(np.linalg.norm(a, 2), abs(eigenvalue))))
    return rows[rank:].conj().T


def is_diagonalizable(matrix: ArrayLike, tolerance: float = 1e-6) -> bool:
    """Whether A has n linearly independent eigenvectors, A = VΛV⁻¹, over the complex numbers.

    It has if the least singular value of the computed V, columns of length 1, exceeds `tolerance`: for a Jordan block
    it is √eps or less. The trap: arbitrarily near to every matrix there is a diagonalizable one, so that what is told
    is whether V can be inverted to some digits; [[1, 1], [0, 1 + 1e-9]] cannot. In 64 bits, not to be traced. Raises
    ValueError unless A is square and finite. Source: dlbook 1.1 (2.40), Appendix A.
    """
    vectors: Complex[np.ndarray, "n n"] = scipy.linalg.eig(_double(matrix))[1]
    return bool(np.linalg.norm(vectors, -2) > tolerance)


def _double(matrix: ArrayLike) -> np.ndarray:
    a = np.asarray(matrix)
    _square(a.shape)
    a = a.astype(np.result_type(a, np.float64))
    if not np.isfinite(a).all():
        raise ValueError("the matrix has entries that are not finite: it has no eigenvalues")
    return a


def _square(shape: tuple[int, ...]) -> None:
    if len(shape) != 2 or shape[0] != shape[1] or not shape[0]:
        raise ValueError(f"eigenvalues need a square matrix [n, n], got the shape {shape}")
