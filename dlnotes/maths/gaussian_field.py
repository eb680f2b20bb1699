"""Random smooth landscapes on all of Rⁿ: stationary, isotropic Gaussian fields."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key


class GaussianField(NamedTuple):
    """f(x) = Σⱼ (aⱼ cos ωⱼᵀx + bⱼ sin ωⱼᵀx)/√m: one landscape, to be called, differentiated and vmapped."""

    frequencies: Float[Array, "features n"]
    cosines: Float[Array, " features"]
    sines: Float[Array, " features"]

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, ""]:
        """f(x)."""
        phase = self.frequencies @ x
        return (self.cosines @ jnp.cos(phase) + self.sines @ jnp.sin(phase)) / jnp.sqrt(1.0 * self.cosines.size)


def draw(key: Key[Array, ""], n: int, features: int = 256, length: Float[Array, ""] | float = 1.0) -> GaussianField:
    """A field with mean 0 and covariance E f(x)f(y) = exp(−‖x − y‖²/2ℓ²) over draws; a, b ~ N(0, 1), ω ~ N(0, I/ℓ²).

    f(x) ~ N(0, 1), and for many features ∇f(x) ~ N(0, I/ℓ²), independent of f and of the Hessian. That is a GOE matrix,
    variances 2/ℓ⁴ on and 1/ℓ⁴ beside the diagonal, less f(x)·I/ℓ²: so critical points that are high have many negative
    eigenvalues, low ones few. The trap: with few features the tails are too heavy; take many times n. Source: Rahimi &
    Recht 2007 (random Fourier features); Bray & Dean 2007 (arXiv cond-mat/0611023).
    """
    k_frequencies, k_cosines, k_sines = jax.random.split(key, 3)
    frequencies = jax.random.normal(k_frequencies, (features, n)) / length
    return GaussianField(
        frequencies, jax.random.normal(k_cosines, (features,)), jax.random.normal(k_sines, (features,))
    )


def critical_point_density(key: Key[Array, ""], n: int, draws: int = 4096) -> Float[Array, " kinds"]:
    """How many critical points with k = 0 … n negative eigenvalues there are on average in a volume ℓⁿ.

    (2π)^(−n/2)·E|det H|·1[index k], Kac and Rice's formula. It is c·E exp(−λₖ²/4), λ₀ ≤ … ≤ λₙ the eigenvalues of a
    GOE matrix of size n + 1 with variances 2 on and 1 beside the diagonal, averaged over `draws`, and
    c = (2π)^(−n/2)·2^((n+1)/2)·Γ((n+3)/2)/Γ(3/2)/(n + 1). Minima (k = 0) are ½ of all for n = 1, ¼ for n = 2,
    (29 − 6√6)/116 = 0.123 for n = 3: their share about halves with each dimension, and falls like e^(−n) in the end.
    The trap: there few draws matter; take n ≤ 10. The shares are those of every stationary, isotropic Gaussian field.
    Source: Fyodorov 2004 (arXiv cond-mat/0401287); Auffinger, Ben Arous & Černý 2013 (arXiv 1003.1129); for n = 3
    Bardeen et al. 1986.
    """
    noise = jax.random.normal(key, (draws, n + 1, n + 1))
    eigenvalues = jnp.linalg.eigvalsh((noise + noise.mT) / jnp.sqrt(2.0))
    weight = jnp.mean(jnp.exp(-0.25 * eigenvalues**2), axis=0)
    gamma = math.gamma((n + 3) / 2) / math.gamma(3 / 2)
    return 2 ** ((n + 1) / 2) * (2 * math.pi) ** (-n / 2) * gamma / (n + 1) * (weight + weight[::-1]) / 2
