"""Mixtures of Gaussians, fitted by expectation–maximization: a compiled loop, to be vmapped over starts and data."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import logsumexp
from jaxtyping import Bool, Float, Int, Key


class Mixture(NamedTuple):
    """Weights πₖ that sum to 1, means and covariances of the components."""

    weights: Float[Array, " components"]
    means: Float[Array, "components features"]
    covariances: Float[Array, "components features features"]


class Fit(NamedTuple):
    """A mixture, the mean log-density of the data under it, the steps it took, and whether they sufficed."""

    mixture: Mixture
    log_likelihood: Float[Array, ""]
    steps: Int[Array, ""]
    converged: Bool[Array, ""]


def start(key: Key[Array, ""], x: Float[Array, "examples features"], components: int) -> Mixture:
    """Different examples as means, drawn far apart (k-means++); equal weights; everywhere the data's own covariance."""
    n, features = x.shape
    if not 1 <= components <= n:
        raise ValueError(f"1 to {n} components are wanted for {n} examples, got {components}")
    keys = jax.random.split(key, components)
    means = [x[jax.random.randint(keys[0], (), 0, n)]]
    for k in keys[1:]:
        nearest = jnp.stack([((x - m[None]) ** 2).sum(1) for m in means]).min(0)
        means.append(x[jax.random.categorical(k, jnp.log(jnp.maximum(nearest, jnp.finfo(x.dtype).tiny)))])
    covariance = jnp.cov(x.T, ddof=0).reshape(features, features)
    return Mixture(
        jnp.full(components, 1 / components, x.dtype), jnp.stack(means), jnp.stack([covariance] * components)
    )


def log_joint(mixture: Mixture, x: Float[Array, "examples features"]) -> Float[Array, "examples components"]:
    """log πₖ + log N(x; μₖ, Σₖ)."""

    def component(weight: Array, mean: Array, covariance: Array) -> Array:
        root = jnp.linalg.cholesky(covariance)
        z = solve_triangular(root, (x - mean[None]).T, lower=True)
        log_det = 2 * jnp.log(jnp.diag(root)).sum()
        return jnp.log(weight) - 0.5 * ((z**2).sum(0) + log_det + mean.size * jnp.log(2 * jnp.pi))

    return jax.vmap(component, out_axes=1)(*mixture)


def log_density(mixture: Mixture, x: Float[Array, "examples features"]) -> Float[Array, " examples"]:
    """log Σₖ πₖ N(x; μₖ, Σₖ)."""
    return logsumexp(log_joint(mixture, x), axis=1)


def responsibilities(mixture: Mixture, x: Float[Array, "examples features"]) -> Float[Array, "examples components"]:
    """γₖ(x) = πₖN(x; μₖ, Σₖ)/Σⱼ πⱼN(x; μⱼ, Σⱼ): the posterior of the component. Source: dlbook B."""
    return jax.nn.softmax(log_joint(mixture, x), axis=1)


def predict(mixture: Mixture, x: Float[Array, "examples features"]) -> Int[Array, " examples"]:
    """The component most probably behind each example."""
    return log_joint(mixture, x).argmax(1)


def maximize(
    x: Float[Array, "examples features"], gamma: Float[Array, "examples components"], ridge: Float[Array, ""] | float
) -> Mixture:
    """πₖ, μₖ, Σₖ of the data weighted by γₖ, `ridge` added to each variance."""
    count = gamma.sum(0) + 10 * jnp.finfo(gamma.dtype).eps
    means = (gamma.T @ x) / count[:, None]

    def covariance(weight: Array, mean: Array, total: Array) -> Array:
        apart = x - mean[None]
        return (weight[:, None] * apart).T @ apart / total + ridge * jnp.eye(mean.size, dtype=x.dtype)

    return Mixture(count / count.sum(), means, jax.vmap(covariance, (1, 0, 0))(gamma, means, count))


def fit(
    x: Float[Array, "examples features"],
    begin: Mixture,
    *,
    ridge: Float[Array, ""] | float = 1e-6,
    tol: Float[Array, ""] | float = 1e-3,
    max_steps: Int[Array, ""] | int = 100,
) -> Fit:
    """Repeat γ ← responsibilities, (π, μ, Σ) ← weighted moments, until the mean log-density gains less than `tol`.

    It never falls, up to the `ridge`, but ends in the maximum next to `begin`: try several (`start`, `vmap`) and keep
    the best. The trap: without ridge a component can collapse onto one example, where the likelihood is infinite.
    The rules of scikit-learn's `GaussianMixture`. Source: dlbook B (mixtures); Dempster, Laird & Rubin 1977.
    """

    def go(carry: tuple) -> Array:
        _, value, before, steps = carry
        return (steps < max_steps) & ~(jnp.abs(value - before) < tol)

    def step(carry: tuple) -> tuple:
        mixture, value, _, steps = carry
        joint = log_joint(mixture, x)
        gain = logsumexp(joint, axis=1).mean()
        return maximize(x, jax.nn.softmax(joint, axis=1), ridge), gain, value, steps + 1

    unknown = jnp.asarray(jnp.inf, x.dtype)
    mixture, value, before, steps = jax.lax.while_loop(go, step, (begin, -unknown, unknown, jnp.zeros((), jnp.int32)))
    return Fit(mixture, log_density(mixture, x).mean(), steps, jnp.abs(value - before) < tol)
