"""Batch normalization: minibatch, running and whole-set moments; whitening; injected covariate shift."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jaxtyping import Float, Key

EPSILON = 1e-5


class Moments(NamedTuple):
    """Mean and biased variance of each unit (of each channel, where the inputs are images)."""

    mean: Float[Array, "*batches units"]
    variance: Float[Array, "*batches units"]


class RunningMoments(NamedTuple):
    """Exponentially weighted moments that began at zero, and how many minibatches they have seen."""

    moments: Moments
    seen: Array


class Treatment(NamedTuple):
    """What a normalization layer does, as numbers that may be traced, so that all arms are one program.

    normalize: 0 leaves x as it is, 1 takes x̂. noise: how much of the injected covariate shift, 0 none, 1 all of it.
    """

    normalize: Array | float
    noise: Array | float


class Noise(NamedTuple):
    """Covariate shift to inject: a number to add and one to multiply by, for each example and unit."""

    m: Float[Array, "*layers batch units"]
    s: Float[Array, "*layers batch units"]


PLAIN = Treatment(0.0, 0.0)
BATCH_NORM = Treatment(1.0, 0.0)
NOISY_BATCH_NORM = Treatment(1.0, 1.0)


def batch_moments(x: Float[Array, "batch *space units"]) -> Moments:
    """μ = 1/m Σ_j x⁽ʲ⁾ and σ² = 1/m Σ_j (x⁽ʲ⁾ − μ)², over all axes but the last.

    The formula sheet's mean lacks the 1/k, and ee147's variance the Σ. Source: ee147 Normalization; cs182 4.3.
    """
    axes = tuple(range(x.ndim - 1))
    return Moments(x.mean(axes), x.var(axes))


def normalize(
    x: Float[Array, "*batch units"], moments: Moments, epsilon: float = EPSILON
) -> Float[Array, "*batch units"]:
    """x̂ = (x − μ) / √(σ² + ε). Source: ee147 Normalization; formulas 2.6.1 (cs182 4.3 has no ε)."""
    lead = (1,) * (x.ndim - 1)
    mean, variance = (moment.reshape(lead + moment.shape) for moment in moments)
    return (x - mean) * jax.lax.rsqrt(variance + epsilon)


def batch_norm(
    x: Float[Array, "batch *space units"],
    scale: Float[Array, " units"],
    offset: Float[Array, " units"],
    epsilon: float = EPSILON,
) -> Float[Array, "batch *space units"]:
    """y = γ x̂ + β with the minibatch's own moments; γ = √(σ² + ε), β = μ undoes it.

    The gradient with respect to x is orthogonal to 1 and (up to ε) to x̂, so a batch of one passes none back; scaling
    the weights that made x changes nothing. It standardizes but does not decorrelate: see `whiten`.
    Source: ee147 Normalization.
    """
    return _affine(normalize(x, batch_moments(x), epsilon), scale, offset)


def covariate_noise(key: Key[Array, ""], batch: int, units: int) -> Noise:
    """Noise of nonzero mean and nonunit variance; its distribution too changes with the key.

    For each unit μ ~ U(−0.5, 0.5), σ ~ U(1, 1.25); for each example and unit m ~ U(μ − 0.1, μ + 0.1), s ~ N(σ, 0.1²).
    Source: Santurkar et al. 2018 (arXiv 1805.11604), appendix; ee147 Normalization (what it tests).
    """
    # One flat draw from U(−1, 1), open: XLA needs ten times as long to compile draws of several axes.
    flat = jax.random.uniform(key, (2 * (1 + batch) * units,), jnp.float32, jnp.nextafter(jnp.float32(-1), 0), 1)
    u, v = flat.reshape(2, 1 + batch, units)
    return Noise(0.5 * u[:1] + 0.1 * u[1:], 1.125 + 0.125 * v[:1] + 0.1 * math.sqrt(2) * jax.lax.erf_inv(v[1:]))


def inject(
    x: Float[Array, "batch *space units"], noise: Noise, amount: Array | float = 1.0
) -> Float[Array, "batch *space units"]:
    """a ← s·a + m; `amount` blends from x (0) to all of the noise (1). A unit is a channel, alike at all positions."""
    m, s = (part.reshape(x.shape[:1] + (1,) * (x.ndim - 2) + x.shape[-1:]).astype(x.dtype) for part in noise)
    return x + amount * ((s - 1) * x + m)


def treat(
    x: Float[Array, "batch *space units"],
    scale: Float[Array, " units"],
    offset: Float[Array, " units"],
    treatment: Treatment,
    noise: Noise | None = None,
    moments: Moments | None = None,
) -> Float[Array, "batch *space units"]:
    """x + β without normalization, γ x̂ + β with it, and then the noise, if there is any: all arms by one program.

    Without normalization γ has no part, and β is the bias that β makes redundant with it. x̂ takes the minibatch's
    moments, or `moments` where given (at test time). Source: ee147 Normalization; lectures Batch Normalization.
    """
    standardized = normalize(x, batch_moments(x) if moments is None else moments)
    on = jnp.asarray(treatment.normalize) > 0
    y = _affine(jnp.where(on, standardized, x), jnp.where(on, scale, 1.0), offset)
    return y if noise is None else inject(y, noise, treatment.noise)


class Normalization(nn.Module):
    """`treat` as a Flax layer with parameters scale γ (from 1) and offset β (from 0), one of each for a unit."""

    @nn.compact
    def __call__(
        self, x: Array, treatment: Treatment, noise: Noise | None = None, moments: Moments | None = None
    ) -> Array:
        scale = self.param("scale", nn.initializers.ones, x.shape[-1:])
        offset = self.param("offset", nn.initializers.zeros, x.shape[-1:])
        return treat(x, scale, offset, treatment, noise, moments)


def running_moments(units: int) -> RunningMoments:
    """v₀ = 0 for both moments; no minibatch seen."""
    return RunningMoments(Moments(jnp.zeros(units), jnp.zeros(units)), jnp.zeros((), jnp.int32))


def update_running(running: RunningMoments, moments: Moments, decay: Array | float = 0.99) -> RunningMoments:
    """v_t = β v_(t−1) + (1 − β) moment_t, for μ and σ². Source: formulas 2.6.3."""
    kept = jax.tree.map(lambda v, new: decay * v + (1 - decay) * new, running.moments, moments)
    return RunningMoments(kept, running.seen + 1)


def correct_bias(running: RunningMoments, decay: Array | float = 0.99) -> Moments:
    """v_t / (1 − βᵗ): unbiased from the first minibatch on (the formula sheet prints 1 − β). Source: formulas 2.6.3."""
    return jax.tree.map(lambda v: v / (1 - jnp.asarray(decay) ** running.seen), running.moments)


def pool_moments(moments: Moments) -> Moments:
    """Moments of a whole set from those of its equally large batches [batches, units], gathered in one pass.

    μ = E[μ_b], σ² = E[σ_b²] + Var[μ_b]. Averaging σ_b² alone misses the second term. Source: cs182 4.3.
    """
    return Moments(moments.mean.mean(0), moments.variance.mean(0) + moments.mean.var(0))


def whiten(x: Float[Array, "batch units"], epsilon: float = EPSILON) -> Float[Array, "batch units"]:
    """Σ^(−1/2) (x − μ): standardizes *and* decorrelates, at O(units³); Σ + ε I is what is inverted.

    Batch norm only divides by Σ's diagonal, so correlations stay (the lectures call it whitening).
    Source: ee147 Normalization.
    """
    centered = x - x.mean(0, keepdims=True)
    covariance = centered.T @ centered / x.shape[0]
    values, vectors = jnp.linalg.eigh(covariance + epsilon * jnp.eye(x.shape[1], dtype=x.dtype))
    return centered @ (vectors * jax.lax.rsqrt(values)[None, :]) @ vectors.T


def _affine(x: Array, scale: Array, offset: Array) -> Array:
    lead = (1,) * (x.ndim - 1)
    return scale.reshape(lead + scale.shape) * x + offset.reshape(lead + offset.shape)
