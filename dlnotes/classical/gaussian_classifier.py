"""A Gaussian for each class, and the class under which an example is most probable."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from dlnotes.classical import mixture


class GaussianClassifier(NamedTuple):
    """Shares, means and covariances of the classes."""

    priors: Float[Array, " classes"]
    means: Float[Array, "classes features"]
    covariances: Float[Array, "classes features features"]


def fit(
    x: Float[Array, "examples features"],
    labels: Int[Array, " examples"],
    classes: int,
    *,
    shared: bool = False,
    ridge: Float[Array, ""] | float = 0.0,
) -> GaussianClassifier:
    """Maximum likelihood: share nₖ/n, mean and covariance (divisor nₖ) of each class, `ridge` added to variances.

    `shared`: one covariance for all, which makes the borders linear. The likelihood's Σ has the divisor nₖ, not nₖ − 1
    as a sample covariance. The trap: fewer examples of a class than features make Σ singular and the densities NaN;
    `ridge` or `shared` mends it. A class without examples has the share 0 and is never predicted.
    Source: ee147 Maximum Likelihood Optimization.
    """
    if x.ndim != 2 or labels.shape != x.shape[:1]:
        raise ValueError(f"x [examples, features] and a label for each are wanted, got {x.shape} and {labels.shape}")
    member = jax.nn.one_hot(labels, classes, dtype=x.dtype)
    count = member.sum(0)
    means = member.T @ x / jnp.maximum(count, 1.0)[:, None]
    apart = x - means[labels]
    if shared:
        pooled = apart.T @ apart / len(x)
        covariances = jnp.broadcast_to(pooled, (classes, *pooled.shape))
    else:
        covariances = jnp.einsum("nk,nf,ng->kfg", member, apart, apart) / jnp.maximum(count, 1.0)[:, None, None]
    eye = jnp.eye(x.shape[1], dtype=x.dtype)[None]
    empty = (count == 0)[:, None, None]
    return GaussianClassifier(count / len(x), means, jnp.where(empty, eye, covariances + ridge * eye))


def log_posterior(model: GaussianClassifier, x: Float[Array, "examples features"]) -> Float[Array, "examples classes"]:
    """log P(class | x), by Bayes' rule from log P(class) + log N(x; μ, Σ)."""
    return jax.nn.log_softmax(mixture.log_joint(mixture.Mixture(*model), x), axis=1)


def predict(model: GaussianClassifier, x: Float[Array, "examples features"]) -> Int[Array, " examples"]:
    """The class of the largest posterior."""
    return mixture.log_joint(mixture.Mixture(*model), x).argmax(1)
