"""Softmax regression as a problem for optimizers: real data, strongly convex, with known bounds on its curvature."""

import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Int


def objective(
    x: Float[Array, "examples inputs"],
    labels: Int[Array, " examples"],
    weights: Float[Array, " examples"],
    penalty: Float[Array, ""] | float,
    theta: Float[Array, "inputs classes"],
) -> Float[Array, ""]:
    """Σᵢ wᵢ·CE(softmax(xᵢθ), yᵢ) + ½λ‖θ‖², for weights that sum to 1 (1/N each is the mean over examples).

    Convex (cs182 3.1), and with λ > 0 it has exactly one minimum. The trap: without λ, separable data have none, as the
    loss falls to 0 where ‖θ‖ grows.
    """
    loss = optax.softmax_cross_entropy_with_integer_labels(x @ theta, labels)
    return weights @ loss + 0.5 * penalty * jnp.sum(theta**2)


def curvature_bounds(
    x: Float[Array, "examples inputs"], penalty: Float[Array, ""] | float
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """(μ, L) = (λ, ½λₘₐₓ(xᵀx/N) + λ): no eigenvalue of the Hessian lies outside, anywhere, for equal weights.

    ½ bounds the eigenvalues of diag(p) − ppᵀ for every softmax p (Böhning 1992).
    """
    largest = jnp.linalg.eigvalsh(x.T @ x / x.shape[0])[-1]
    return jnp.asarray(penalty, x.dtype), 0.5 * largest + penalty
