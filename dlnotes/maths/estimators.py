"""How good an estimate is: bias, variance and standard error, the least error there is, penalties on complexity."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import ndtr
from jaxtyping import Float


class Decomposition(NamedTuple):
    """Of the error at each point: mean_squared_error = bias_squared + variance."""

    bias_squared: Float[Array, "*points"]
    variance: Float[Array, "*points"]
    mean_squared_error: Float[Array, "*points"]


def bias_variance(predictions: Float[Array, "sets *points"], truth: Float[Array, "*points"]) -> Decomposition:
    """E(f̂ − f)² = (E f̂ − f)² + E(f̂ − E f̂)², with the mean over data sets for E, at each point.

    `predictions` are those of the models fitted to each data set, or a parameter's estimates; for what cs182 prints,
    average over the points. The trap: the mean over S sets is itself uncertain, so bias_squared is too large by
    variance/(S − 1) on average, and 0 for no estimator. Noise in new targets adds its own variance to all models alike.
    Raises ValueError for shapes that do not fit. Source: cs182 2.2; dlbook (5.54); lectures Mean Squared Error.
    """
    if predictions.shape[1:] != truth.shape or len(predictions) == 0:
        raise ValueError(
            f"predictions [sets, *points] and truth [*points] are wanted, got {predictions.shape} and {truth.shape}"
        )
    center = predictions.mean(0)
    variance = jnp.square(predictions - center[None]).mean(0)
    return Decomposition(jnp.square(center - truth), variance, jnp.square(predictions - truth[None]).mean(0))


def standard_error(values: Float[Array, " n"]) -> Float[Array, ""]:
    """s/√n: the estimated deviation √Var of the mean of n independent numbers; s² has the divisor n − 1.

    The same as `scipy.stats.sem`, inside a compiled program. Of another estimator it is the standard deviation over
    many data sets. Raises ValueError for fewer than two numbers. Source: lectures Bias, Variance, Mean Squared Error.
    """
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"a standard error is that of at least two numbers [n], got the shape {values.shape}")
    return jnp.std(values, ddof=1) / jnp.sqrt(1.0 * len(values))


def bayes_error(joint: Float[Array, "inputs classes"]) -> Float[Array, ""]:
    """1 − Σₓ maxᵧ p(x, y): how often the oracle errs, which knows the distribution; no classifier errs less.

    `joint` are the probabilities of input and class, of sum 1. Source: dlbook 1.4.1.
    """
    if joint.ndim != 2:
        raise ValueError(f"a joint distribution p(x, y) [inputs, classes] is wanted, got the shape {joint.shape}")
    return 1.0 - joint.max(1).sum()


def gaussian_bayes_error(
    distance: Float[Array, "..."] | float, prior: Float[Array, "..."] | float = 0.5
) -> Float[Array, "..."]:
    """π·Φ(−Δ/2 − a) + (1 − π)·Φ(−Δ/2 + a), a = log(π/(1 − π))/Δ: the Bayes error between two Gaussians.

    Both of covariance Σ, the first with probability π; Δ = √((μ₁ − μ₂)ᵀΣ⁻¹(μ₁ − μ₂)) ≥ 0. Φ(−Δ/2) where π = ½, and
    min(π, 1 − π) where Δ = 0. Source: dlbook 1.4.1.
    """
    distance, prior = jnp.asarray(distance), jnp.asarray(prior)
    apart = distance > 0
    shift = (jnp.log(prior) - jnp.log1p(-prior)) / jnp.where(apart, distance, 1.0)
    error = prior * ndtr(-distance / 2 - shift) + (1.0 - prior) * ndtr(-distance / 2 + shift)
    return jnp.where(apart, error, jnp.minimum(prior, 1.0 - prior))


def generalization_gap(train_losses: Float[Array, " train"], test_losses: Float[Array, " test"]) -> Float[Array, ""]:
    """Mean loss on new examples less that on those learned from: empirical risks that estimate test and training error.

    For least squares with d weights and noise σ², on new targets at the same inputs, it is 2σ²d/n on average. Source:
    cs182 2.1; lectures Generalization Error.
    """
    return test_losses.mean() - train_losses.mean()


def gaussian_log_likelihood(
    squares: Float[Array, "..."] | float, examples: Float[Array, "..."] | int
) -> Float[Array, "..."]:
    """−n/2·(log(2π·squares/n) + 1): log-likelihood of Gaussian noise at its likeliest variance, squares/n.

    `squares` is the sum of squared residuals; at 0 the likelihood has no bound. Source: ee147 Maximum Likelihood.
    """
    n = jnp.asarray(examples)
    return -0.5 * n * (jnp.log(2.0 * jnp.pi * squares / n) + 1.0)


def aic(
    log_likelihood: Float[Array, "..."] | float,
    parameters: Float[Array, "..."] | int,
    examples: Float[Array, "..."] | float = jnp.inf,
) -> Float[Array, "..."]:
    """2k − 2·log L: lower is better; estimates, up to a constant, the deviance of n new examples (Akaike 1974).

    Every estimated parameter counts, a noise variance too. The trap: with few examples for each it overfits; `examples`
    n adds the correction 2k(k + 1)/(n − k − 1), exact for linear models with Gaussian noise (Hurvich & Tsai 1989), and
    inf where n ≤ k + 1. Source: ee147 Generalizing the Model.
    """
    k = jnp.asarray(parameters)
    spare = jnp.asarray(examples) - k - 1.0
    correction = jnp.where(spare > 0, 2.0 * k * (k + 1.0) / jnp.where(spare > 0, spare, 1.0), jnp.inf)
    return 2.0 * k + correction - 2.0 * jnp.asarray(log_likelihood)


def bic(
    log_likelihood: Float[Array, "..."] | float,
    parameters: Float[Array, "..."] | int,
    examples: Float[Array, "..."] | int,
) -> Float[Array, "..."]:
    """k·log n − 2·log L: lower is better; −2·log of the model's evidence up to terms that stay bounded (Schwarz 1978).

    With many examples it finds the smallest true model, where AIC keeps a chance of a larger one. Source: ee147
    Generalizing the Model.
    """
    return jnp.asarray(parameters) * jnp.log(1.0 * jnp.asarray(examples)) - 2.0 * jnp.asarray(log_likelihood)
