"""Filling in missing values by what the others say of them."""

from typing import NamedTuple

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

    return jnp.vectorize(row, signature="(f),(f)->(f)")(jnp.where(missing, 0.0, x), missing)
