"""Filling in missing values by what the others say of them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float


class Gaussian(NamedTuple):
    """Mean and covariance of the features."""

    mean: Float[Array, " features"]
    covariance: Float[Array, "features features"]


def fit(x: Float[Array, "examples features"], missing: Bool[Array, "examples features"]) -> Gaussian:
    """Mean of each feature, and covariance of each pair, over the examples that have both.

    The trap: with values missing these covariances come from different examples and need not be positive definite.
    """
    seen = jnp.where(missing, 0.0, 1.0)
    mean = jnp.where(missing, 0.0, x).sum(0) / jnp.maximum(seen.sum(0), 1.0)
    apart = jnp.where(missing, 0.0, x - mean[None])
    return Gaussian(mean, apart.T @ apart / jnp.maximum(seen.T @ seen, 1.0))


def predict(
    model: Gaussian,
    x: Float[Array, "examples features"],
    missing: Bool[Array, "examples features"],
    ridge: Float[Array, ""] | float = 1e-6,
) -> Float[Array, "examples features"]:
    """Missing values by their conditional mean μₘ + ΣₘₛΣₛₛ⁻¹(xₛ − μₛ); the others stay. Source: ee147 Basics.

    Each row solves a system in the features it has: written as one of full size, in which missing ones are alone.
    """
    eye = jnp.eye(model.mean.size, dtype=x.dtype)

    def row(values: Array, absent: Array) -> Array:
        here = ~absent
        both = here[:, None] & here[None]
        seen = jnp.where(both, model.covariance + ridge * eye, eye)
        weights = jnp.linalg.solve(seen, jnp.where(here, values - model.mean, 0.0))
        return jnp.where(absent, model.mean + model.covariance @ jnp.where(here, weights, 0.0), values)

    return jax.vmap(row)(jnp.where(missing, 0.0, x), missing)


def complete(
    x: Float[Array, "examples features"], missing: Bool[Array, "examples features"], rank: int, steps: int = 500
) -> Float[Array, "examples features"]:
    """Missing values by the matrix of this rank nearest to the others: X ← seen values, and U_r D_r V_rᵀ elsewhere.

    Repeated `steps` times from the features' means; the squared error over what is seen never rises. The trap: of many
    matrices of low rank some end in another minimum, and too large a rank fits the seen values with any others. Raises
    ValueError unless 1 ≤ rank ≤ both sizes. Source: ee147 Basics; Mazumder, Hastie & Tibshirani 2010.
    """
    if not 1 <= rank <= min(x.shape):
        raise ValueError(f"a rank from 1 to {min(x.shape)} is wanted for {x.shape}, got {rank}")
    begin = jnp.where(missing, fit(x, missing).mean[None], x)

    def step(_: Array, filled: Array) -> Array:
        u, d, rows = jnp.linalg.svd(filled, full_matrices=False)
        return jnp.where(missing, (u[:, :rank] * d[None, :rank]) @ rows[:rank], x)

    return jax.lax.fori_loop(0, steps, step, begin)
