"""Posteriors in closed form: over a few hypotheses, over the bias of a coin, over the weights of a linear model."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float


class Beta(NamedTuple):
    """What is believed of a coin: density ∝ p^(heads−1)·(1 − p)^(tails−1). Beta(1, 1) is even, and the widest."""

    heads: Float[Array, "*shape"] | float
    tails: Float[Array, "*shape"] | float


class LinearPosterior(NamedTuple):
    """w ~ N(mean, covariance) after the data, and the variance of the noise in y."""

    mean: Float[Array, " features"]
    covariance: Float[Array, "features features"]
    noise: Float[Array, ""]


class Prediction(NamedTuple):
    """Mean and variance of what is to be seen."""

    mean: Float[Array, " examples"]
    variance: Float[Array, " examples"]


def posterior(
    prior: Float[Array, " hypotheses"], log_likelihood: Float[Array, "*shape hypotheses"]
) -> Float[Array, "*shape hypotheses"]:
    """P(h|D) = P(D|h)P(h)/Σ P(D|h′)P(h′), from logarithms, so that many data do not underflow.

    A hypothesis of prior 0 stays at 0. Source: ee147 Probability; lectures Bayes Rule.
    """
    return jax.nn.softmax(log_likelihood + jnp.log(prior), axis=-1)


def toss(belief: Beta, heads: Float[Array, "*shape"] | float, tails: Float[Array, "*shape"] | float) -> Beta:
    """The belief after more tosses: counts are added."""
    return Beta(jnp.asarray(belief.heads) + heads, jnp.asarray(belief.tails) + tails)


def chance_of_heads(belief: Beta) -> Float[Array, "*shape"]:
    """P(next is heads) = heads/(heads + tails), over the whole posterior; no posterior mode or maximum likelihood.

    From Beta(1, 1) after one head: 2/3, where maximum likelihood says 1. Source: dlbook 1.4.3.
    """
    return jnp.asarray(belief.heads) / (jnp.asarray(belief.heads) + belief.tails)


def fit(
    x: Float[Array, "examples features"],
    y: Float[Array, " examples"],
    prior_variance: Float[Array, ""] | float,
    noise: Float[Array, ""] | float,
) -> LinearPosterior:
    """y ~ N(xᵀw, `noise`), w ~ N(0, `prior_variance`·I): Σ = (XᵀX/noise + I/prior)⁻¹, μ = Σ Xᵀy/noise.

    μ is also the most probable w and the ridge solution of strength noise/prior. Source: dlbook 1.4.3; cs182 2.3.1.
    """
    precision = x.T @ x / noise + jnp.eye(x.shape[1], dtype=x.dtype) / prior_variance
    covariance = jnp.linalg.inv(precision)
    return LinearPosterior(jnp.linalg.solve(precision, x.T @ y / noise), covariance, jnp.asarray(noise, x.dtype))


def predict(belief: LinearPosterior, x: Float[Array, "examples features"]) -> Prediction:
    """y ~ N(xᵀμ, xᵀΣx + noise): what w is not known to adds to the noise, the more the farther x is from the data."""
    return Prediction(x @ belief.mean, jnp.einsum("nf,fg,ng->n", x, belief.covariance, x) + belief.noise)
