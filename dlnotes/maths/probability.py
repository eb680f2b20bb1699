"""Densities after a change of variables, and how far Gaussians are from each other, in closed form.

Between two distributions over a few values `jax.scipy.special` has all: Σ entr(p) is the entropy, Σ rel_entr(p, q) the
KL divergence, −Σ xlogy(p, q) the cross-entropy, each 0 where p is 0. All in nats.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float


class Gaussian(NamedTuple):
    """N(mean, diag deviation²), deviation > 0: independent coordinates."""

    mean: Float[Array, "*batch n"]
    deviation: Float[Array, "*batch n"]


def log_prob_transformed(
    log_prob: Callable[[Array], Array], transform: Callable[[Array], Array], x: Float[Array, "*shape"]
) -> Float[Array, ""]:
    """log pₓ(x) = log p_y(g(x)) + log|det ∂g/∂x|: the density of x where y = g(x), g invertible, has the density p_y.

    To have that of y = h(x) from that of x, give `transform` the inverse of h. The trap: p_y(g(x)) alone is no density
    of x, as g stretches space; it is one only where |det| = 1. −∞ where the Jacobian is singular. One x, of any shape:
    vmap for more. Raises ValueError unless g(x) has as many numbers as x. Source: dlbook 1.2 (3.47).
    """
    y = transform(x)
    if jnp.size(y) != jnp.size(x):
        raise ValueError(f"an invertible map keeps the number of variables: got {jnp.shape(x)} → {jnp.shape(y)}")
    jacobian = jax.jacfwd(transform)(x).reshape(jnp.size(y), jnp.size(x))
    return log_prob(y) + jnp.linalg.slogdet(jacobian)[1]


def gaussian_entropy(p: Gaussian) -> Float[Array, "*batch"]:
    """H(p) = Σⱼ log σⱼ + ½n·log(2πe); below 0 where p is narrow, as no entropy over a few values ever is."""
    n = p.deviation.shape[-1]
    return jnp.sum(jnp.log(p.deviation), axis=-1) + 0.5 * n * jnp.log(2.0 * jnp.pi * jnp.e)


def gaussian_kl_divergence(p: Gaussian, q: Gaussian) -> Float[Array, "*batch"]:
    """KL(p ‖ q) = ½ Σⱼ ((μⱼ − mⱼ)²/sⱼ² + r²ⱼ − 1 − log r²ⱼ), r = σ/s, for p = N(μ, σ²), q = N(m, s²); ≥ 0.

    0 only where p = q; not symmetric. H(p) + KL(p ‖ q) is the cross-entropy. Written with expm1, so that it does not
    cancel near p = q. `generative.vae.kl_divergence_to_standard_normal` is the case q = N(0, I). Source: dlbook 1.4.4.
    """
    log_ratio = 2.0 * (jnp.log(p.deviation) - jnp.log(q.deviation))
    apart = (p.mean - q.mean) / q.deviation
    return 0.5 * jnp.sum(apart**2 + (jnp.expm1(log_ratio) - log_ratio), axis=-1)
