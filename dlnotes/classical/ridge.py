"""Linear least squares, plain or with the L2 penalty: a whole path of strengths from one factorization."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

TALL = 2  # with so many examples for each feature a QR factorization first is cheaper than the SVD at once


class Linear(NamedTuple):
    """Weights, one column for each output, and biases; a path of fits has an axis of strengths in front of both."""

    weights: Float[Array, "*strengths features outputs"]
    bias: Float[Array, "*strengths outputs"]


def fit(
    x: Float[Array, "examples features"],
    y: Float[Array, "examples outputs"],
    strength: Float[Array, "*strengths"] | float = 0.0,
    *,
    intercept: bool = True,
) -> Linear:
    """θ = (XᵀX + λI)⁻¹XᵀY, the minimum of ½‖Y − Xθ‖² + ½λ‖θ‖², for every λ ≥ 0 of `strength`.

    Through X = UDVᵀ: θ = V·d/(d² + λ)·UᵀY, so that direction vᵢ is shrunk by dᵢ²/(dᵢ² + λ) and XᵀX, of squared
    condition, is never formed. λ = 0 is X⁺Y, the shortest of the least-squares solutions, with directions below
    eps·max(n, features)·d₁ left out. `intercept` adds a bias without penalty, by centering. Constant features get 0.
    Raises ValueError for shapes that do not fit. Source: ee147 Supervised Learning Example (with XᵀX inverted: full
    rank only), Regularization (with a spurious L), Discussion: Vector and Matrix Derivatives; dlbook (11).
    """
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or len(x) == 0:
        raise ValueError(f"x [examples, features] and y [examples, outputs] are wanted, got {x.shape} and {y.shape}")
    mean_x, mean_y = (v.mean(0) if intercept else jnp.zeros_like(v[0]) for v in (x, y))
    rows, d, projected = _factored(x - mean_x[None], y - mean_y[None])
    cut = jnp.finfo(d.dtype).eps * max(x.shape) * d[0]
    kept = d > cut
    strength = jnp.asarray(strength, d.dtype)
    alone = (1,) * strength.ndim
    kept, d = (v.reshape(*alone, -1) for v in (kept, d))
    shrunk = jnp.where(kept, d / (jnp.where(kept, d**2, 1.0) + strength[..., None]), 0.0)
    weights = jnp.einsum("if,...i,io->...fo", rows, shrunk, projected)
    shift = jnp.einsum("f,...fo->...o", mean_x, weights)
    return Linear(weights, mean_y.reshape(*alone, -1) - shift)


def predict(linear: Linear, x: Float[Array, "examples features"]) -> Float[Array, "*strengths examples outputs"]:
    """xθ + b, for every strength."""
    return jnp.einsum("nf,...fo->...no", x, linear.weights) + linear.bias[..., None, :]


def shrinkage(x: Float[Array, "examples features"], strength: Float[Array, ""] | float) -> Float[Array, " features"]:
    """λᵢ/(λᵢ + α) for the eigenvalues λᵢ of XᵀX, rising: what the penalty leaves of θ along each eigenvector.

    Their sum is the effective number of parameters. Source: dlbook 2.2.1 (7.1); ee147 Regularization.
    """
    eigenvalues = jnp.maximum(jnp.linalg.eigvalsh(x.T @ x), 0.0)
    total = eigenvalues + strength
    return jnp.where(total > 0, eigenvalues / jnp.where(total > 0, total, 1.0), 0.0)


def _factored(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Vᵀ, d and UᵀY."""
    if len(x) > TALL * x.shape[1]:
        q, r = jnp.linalg.qr(x)
        u, d, rows = jnp.linalg.svd(r, full_matrices=False)
        return rows, d, u.T @ (q.T @ y)
    u, d, rows = jnp.linalg.svd(x, full_matrices=False)
    return rows, d, u.T @ y
