"""Linear factor models x = Wh + μ + noise, h ~ N(0, I): probabilistic PCA in closed form, factor analysis by EM."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.stats import multivariate_normal
from jaxtyping import Float, Int, Key


class FactorModel(NamedTuple):
    """μ, the loadings W and the variance ψᵢ of each feature's own noise: x ~ N(μ, WWᵀ + diag ψ)."""

    mean: Float[Array, " features"]
    loadings: Float[Array, "features factors"]
    noise: Float[Array, " features"]


def fit_ppca(x: Float[Array, "examples features"], factors: int) -> FactorModel:
    """Probabilistic PCA, ψᵢ = σ² for all i, at its maximum likelihood: W = V(Λ − σ²I)^½, σ² the mean of the other λ.

    λ, V are those of the covariance matrix with divisor n. W is known up to a rotation. Raises ValueError unless
    1 ≤ factors < features. Source: dlbook 3.1; Tipping & Bishop 1999.
    """
    _check(x, factors)
    values, vectors = jnp.linalg.eigh(jnp.cov(x.T, ddof=0))
    values, vectors = values[::-1], vectors[:, ::-1]
    sigma2 = values[factors:].mean()
    loadings = vectors[:, :factors] * jnp.sqrt(jnp.maximum(values[:factors] - sigma2, 0.0))[None]
    return FactorModel(x.mean(0), loadings, jnp.full(x.shape[1], sigma2))


def fit(
    x: Float[Array, "examples features"], factors: int, steps: Int[Array, ""] | int = 1000, floor: float = 1e-6
) -> FactorModel:
    """Factor analysis: ψᵢ free, by `steps` of expectation–maximization from the solution of `fit_ppca`.

    E: h|x ~ N(Bx, I − BW), B = Wᵀ(WWᵀ + Ψ)⁻¹. M: W ← SBᵀ(I − BW + BSBᵀ)⁻¹, ψ ← diag(S − WBS), S the covariance matrix
    (divisor n). ψ is kept above `floor` times the feature's variance. The trap: EM is slow where ψ is small (Heywood
    cases); watch `log_density`. Source: dlbook 3.1; Rubin & Thayer 1982.
    """
    _check(x, factors)
    s = jnp.cov(x.T, ddof=0)
    least = floor * jnp.diag(s)
    begin = fit_ppca(x, factors)

    def step(_: Array, model: FactorModel) -> FactorModel:
        w = model.loadings
        b = posterior_map(model)
        second = jnp.eye(factors, dtype=x.dtype) - b @ w + b @ s @ b.T
        w = jnp.linalg.solve(second, b @ s).T
        return model._replace(loadings=w, noise=jnp.maximum(jnp.diag(s - w @ b @ s), least))

    return jax.lax.fori_loop(0, steps, step, begin._replace(noise=jnp.maximum(begin.noise, least)))


def posterior_map(model: FactorModel) -> Float[Array, "factors features"]:
    """B = Wᵀ(WWᵀ + Ψ)⁻¹ = (I + WᵀΨ⁻¹W)⁻¹WᵀΨ⁻¹, the second form: only a factors × factors system is solved."""
    scaled = model.loadings / model.noise[:, None]
    inner = jnp.eye(model.loadings.shape[1], dtype=scaled.dtype) + model.loadings.T @ scaled
    return jnp.linalg.solve(inner, scaled.T)


def predict(model: FactorModel, x: Float[Array, "examples features"]) -> Float[Array, "examples factors"]:
    """E[h|x] = B(x − μ)."""
    return (x - model.mean[None]) @ posterior_map(model).T


def covariance(model: FactorModel) -> Float[Array, "features features"]:
    """WWᵀ + diag ψ."""
    return model.loadings @ model.loadings.T + jnp.diag(model.noise)


def log_density(model: FactorModel, x: Float[Array, "examples features"]) -> Float[Array, " examples"]:
    """log N(x; μ, WWᵀ + diag ψ)."""
    spread = covariance(model)
    return jnp.asarray(jax.vmap(lambda row: multivariate_normal.logpdf(row, model.mean, spread))(x))


def sample(key: Key[Array, ""], model: FactorModel, examples: int) -> Float[Array, "examples features"]:
    """Wh + μ + noise for drawn h and noise."""
    k_h, k_noise = jax.random.split(key)
    features, factors = model.loadings.shape
    h = jax.random.normal(k_h, (examples, factors), model.mean.dtype)
    noise = jax.random.normal(k_noise, (examples, features), model.mean.dtype)
    return h @ model.loadings.T + model.mean[None] + noise * jnp.sqrt(model.noise)[None]


def _check(x: Array, factors: int) -> None:
    if x.ndim != 2 or not 1 <= factors < x.shape[1]:
        raise ValueError(f"examples × features with more features than factors are wanted, got {x.shape}, {factors}")
