"""The variational autoencoder: Gaussian encoder, Bernoulli decoder, and the evidence lower bound of one example."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import optax
from flax import linen as nn
from jaxtyping import Array, Float


class Gaussian(NamedTuple):
    """N(mean, diag exp(log_variance)), such as the encoder's q(z|x)."""

    mean: Float[Array, "*batch latents"]
    log_variance: Float[Array, "*batch latents"]


def sample(gaussian: Gaussian, noise: Float[Array, "*batch latents"]) -> Float[Array, "*batch latents"]:
    """z = μ + σ ⊙ ε, the reparameterization: with ε ~ N(0, I) given, z is differentiable in μ and log σ².

    Trap: the gradient is unbiased only if the backward pass sees the *same* ε as the forward pass; every step wants a
    fresh one. ee147 Autoencoders and Variational Autoencoders draws another ε for the backward pass, which loses the
    dependence on x.
    """
    return gaussian.mean + jnp.exp(0.5 * gaussian.log_variance) * noise


def kl_divergence_to_standard_normal(gaussian: Gaussian) -> Float[Array, "*batch"]:
    """KL(N(μ, diag σ²) ‖ N(0, I)) = ½ Σⱼ (μⱼ² + σⱼ² − 1 − log σⱼ²), in nats; 0 only at μ = 0, σ = 1.

    Written with expm1, so that it does not cancel near σ = 1. Source: ee147 Autoencoders and Variational Autoencoders
    (the closed form is not printed there).
    """
    mean, log_variance = gaussian
    return 0.5 * jnp.sum(mean**2 + (jnp.expm1(log_variance) - log_variance), axis=-1)


def bernoulli_log_likelihood(
    logits: Float[Array, "*batch pixels"], x: Float[Array, "*batch pixels"]
) -> Float[Array, "*batch"]:
    """log p(x|z) = Σᵢ xᵢ log σ(aᵢ) + (1 − xᵢ) log(1 − σ(aᵢ)), in nats, for logits a and x in [0, 1].

    Gray x (strictly between 0 and 1) is allowed, as is usual, but then this is no likelihood of x.
    """
    return -jnp.sum(optax.sigmoid_binary_cross_entropy(logits, x), axis=-1)


def elbo(
    logits: Float[Array, "*batch pixels"], posterior: Gaussian, x: Float[Array, "*batch pixels"]
) -> Float[Array, "*batch"]:
    """log p(x) ≥ log p(x|z) − KL(q(z|x) ‖ p(z)) in expectation over z ~ q(z|x): one sample's estimate, in nats.

    Train on −mean(elbo). Sources: ee147 Autoencoders and Variational Autoencoders; Kingma & Welling (arXiv
    1312.6114), (10).
    """
    return bernoulli_log_likelihood(logits, x) - kl_divergence_to_standard_normal(posterior)


class Encoder(nn.Module):
    """x -> q(z|x): one hidden layer of softplus units, then μ and log σ² by two linear maps."""

    hidden: int = 500
    latents: int = 50

    @nn.compact
    def __call__(self, x: Float[Array, "*batch pixels"]) -> Gaussian:
        h = nn.softplus(nn.Dense(self.hidden, name="hidden_layer")(x))
        return Gaussian(nn.Dense(self.latents, name="mean")(h), nn.Dense(self.latents, name="log_variance")(h))


class Decoder(nn.Module):
    """z -> logits of p(x|z), independent Bernoulli pixels: one hidden layer of softplus units."""

    pixels: int
    hidden: int = 500

    @nn.compact
    def __call__(self, z: Float[Array, "*batch latents"]) -> Float[Array, "*batch pixels"]:
        h = nn.softplus(nn.Dense(self.hidden, name="hidden_layer")(z))
        return nn.Dense(self.pixels, name="logits")(h)


class VAE(nn.Module):
    """Encoder and decoder; 500 softplus units and 50 latents as in Kingma & Ba (arXiv 1412.6980), section 6.4.

    `apply(params, x, noise)` -> (logits, posterior), the arguments of `elbo`;
    `apply(params, z, method="decode")` generates.
    """

    pixels: int
    hidden: int = 500
    latents: int = 50

    def setup(self) -> None:
        self.encoder = Encoder(self.hidden, self.latents)
        self.decoder = Decoder(self.pixels, self.hidden)

    def __call__(
        self, x: Float[Array, "*batch pixels"], noise: Float[Array, "*batch latents"]
    ) -> tuple[Float[Array, "*batch pixels"], Gaussian]:
        posterior = self.encode(x)
        return self.decode(sample(posterior, noise)), posterior

    def encode(self, x: Float[Array, "*batch pixels"]) -> Gaussian:
        return self.encoder(x)

    def decode(self, z: Float[Array, "*batch latents"]) -> Float[Array, "*batch pixels"]:
        return self.decoder(z)
