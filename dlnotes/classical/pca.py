"""Principal components: the directions along which data vary most, and coordinates along them."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

TALL = 10  # from so many examples for each feature on, the covariance matrix is cheaper than the data's own SVD


class PCA(NamedTuple):
    """The mean; orthonormal rows vᵢ, largest variance first; the variance λᵢ along each (divisor n − 1)."""

    mean: Float[Array, " features"]
    components: Float[Array, "components features"]
    variances: Float[Array, " components"]


def fit(x: Float[Array, "examples features"], components: int) -> PCA:
    """X − 1μᵀ = UDVᵀ: the first rows of Vᵀ, and D²/(n − 1).

    With many examples V comes from the eigenvectors of the covariance matrix instead, which is exact to √eps only.
    Each vᵢ has its largest entry positive. Constant features get weight 0. Raises ValueError where there are not two
    examples, or fewer features or examples than components. The trap: without the centring (as an autoencoder with
    tied weights and no bias has none) the first direction is that of the mean. Source: ee147 Decomposition; dlbook 1.1.
    """
    n, features = x.shape
    if n < 2 or not 1 <= components <= min(n, features):
        raise ValueError(f"1 to min(examples, features) = {min(n, features)} components are wanted, got {components}")
    mean = x.mean(0)
    centered = x - mean[None]
    if n >= TALL * features:
        values, vectors = jnp.linalg.eigh(centered.T @ centered / (n - 1))
        rows, variances = vectors.T[::-1][:components], jnp.maximum(values[::-1][:components], 0.0)
    else:
        _, d, rows = jnp.linalg.svd(centered, full_matrices=False)
        rows, variances = rows[:components], d[:components] ** 2 / (n - 1)
    largest = jnp.take_along_axis(rows, jnp.abs(rows).argmax(1)[:, None], axis=1)
    return PCA(mean, rows * jnp.where(largest < 0, -1.0, 1.0), variances)


def transform(pca: PCA, x: Float[Array, "examples features"]) -> Float[Array, "examples components"]:
    """Coordinates V(x − μ): uncorrelated over the data that were fitted."""
    return (x - pca.mean[None]) @ pca.components.T


def whiten(
    pca: PCA, x: Float[Array, "examples features"], epsilon: Float[Array, ""] | float = 0.0
) -> Float[Array, "examples components"]:
    """Coordinates divided by √(λᵢ + ε): of variance 1. A direction without variance becomes 0, not 0/0."""
    scale = pca.variances + epsilon
    inverse = jnp.where(scale > 0, 1.0 / jnp.sqrt(jnp.where(scale > 0, scale, 1.0)), 0.0)
    return transform(pca, x) * inverse[None]


def reconstruct(pca: PCA, coordinates: Float[Array, "examples components"]) -> Float[Array, "examples features"]:
    """Vᵀz + μ: of all linear maps from so many numbers the one with the least squared error."""
    return coordinates @ pca.components + pca.mean[None]
