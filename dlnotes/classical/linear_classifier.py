"""Linear classifiers: a score for each class, fitted by cross-entropy (softmax classifier) or hinge loss (SVM)."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Bool, Float, Int

from dlnotes.optim.minimize import minimize

Loss = Callable[[Array, Array], Array]


class LinearClassifier(NamedTuple):
    """Scores aⱼ = wⱼᵀx + bⱼ; their largest is the class."""

    weights: Float[Array, "classes features"]
    bias: Float[Array, " classes"]


class Fit(NamedTuple):
    """A classifier, its objective, and how the search for it ended."""

    model: LinearClassifier
    value: Float[Array, ""]
    steps: Int[Array, ""]
    converged: Bool[Array, ""]


def fit(
    x: Float[Array, "examples features"],
    labels: Int[Array, " examples"],
    classes: int,
    strength: Float[Array, ""] | float,
    loss: Loss = optax.softmax_cross_entropy_with_integer_labels,
    *,
    method: optax.GradientTransformation | str = "l-bfgs",
    tol: Float[Array, ""] | float = 1e-4,
    max_iters: Int[Array, ""] | int = 500,
) -> Fit:
    """The minimum over W and b of mean loss(scores, label) + ½λ‖W‖², λ = `strength`, from 0 by `minimize`.

    The trap: without λ separable data have no minimum, and W grows until `max_iters`. At the minimum of a hinge loss
    the gradient jumps, so that `tol` is not met and `converged` is False though no lower point is found; an optimizer
    with a falling learning rate comes near it too. Raises ValueError for shapes that do not fit. Source: ee147 Softmax
    Classifier, Support Vector Machine.
    """
    if x.ndim != 2 or labels.shape != x.shape[:1]:
        raise ValueError(f"x [examples, features] and a label for each are wanted, got {x.shape} and {labels.shape}")

    def objective(model: LinearClassifier) -> Array:
        return loss(scores(model, x), labels).mean() + 0.5 * strength * jnp.sum(model.weights**2)

    begin = LinearClassifier(jnp.zeros((classes, x.shape[1]), x.dtype), jnp.zeros(classes, x.dtype))
    end = minimize(objective, begin, method, tol=tol, max_iters=max_iters)
    return Fit(end.x, end.fun, end.nit, end.success)


def scores(model: LinearClassifier, x: Float[Array, "examples features"]) -> Float[Array, "examples classes"]:
    """Wx + b for every example."""
    return x @ model.weights.T + model.bias[None]


def predict(model: LinearClassifier, x: Float[Array, "examples features"]) -> Int[Array, " examples"]:
    """The class of the largest score: regions are convex, bounded by hyperplanes."""
    return scores(model, x).argmax(1)


def class_templates(model: LinearClassifier, shape: tuple[int, ...]) -> Float[Array, "classes *shape"]:
    """The rows of W as images of this `shape`, each with its mean over the classes taken away.

    Only wᵢ − wⱼ decides, so that a vector common to all rows says nothing. Source: ee147 Softmax Classifier.
    """
    return (model.weights - model.weights.mean(0)[None]).reshape(-1, *shape)


def hinge(
    scores: Float[Array, "*batch classes"], labels: Int[Array, "*batch"], margin: Float[Array, ""] | float = 1.0
) -> Float[Array, "*batch"]:
    """Σ_{j≠y} max(0, Δ + aⱼ − a_y), Δ = `margin`: 0 where the class y leads all others by Δ.

    hinge_Δ(a) = Δ·hinge₁(a/Δ), so that Δ only sets the unit of the scores. The trap: Optax's
    `multiclass_hinge_loss` takes the largest term in place of the sum. Source: ee147 Support Vector Machine.
    """
    own = jax.nn.one_hot(labels, scores.shape[-1], dtype=bool)
    lead = scores - jnp.take_along_axis(scores, labels[..., None], axis=-1)
    return jnp.where(own, 0.0, jax.nn.relu(margin + lead)).sum(-1)


def softmax(
    scores: Float[Array, "*batch classes"], temperature: Float[Array, ""] | float
) -> Float[Array, "*batch classes"]:
    """exp(aᵢ/T)/Σⱼexp(aⱼ/T), T = `temperature` ≥ 0: uniform for T = ∞, and for T = 0 the largest score takes all.

    Equally large ones share at T = 0. The maximum is taken away before dividing, so that small T does not overflow;
    at T = 0 itself it cannot be differentiated. Source: ee147 Softmax Classifier.
    """
    below = scores - scores.max(-1, keepdims=True)
    t = jnp.asarray(temperature, below.dtype)
    return jax.nn.softmax(jnp.where(below == 0, 0.0, below / jnp.where(below == 0, 1.0, t)), axis=-1)
