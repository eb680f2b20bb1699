"""The perceptron: a line that is turned by each example on its wrong side."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int


class Perceptron(NamedTuple):
    """Weights, bias, and how many examples were on the wrong side in each pass."""

    weights: Float[Array, " features"]
    bias: Float[Array, ""]
    mistakes: Int[Array, " epochs"]


def fit(
    x: Float[Array, "examples features"],
    signs: Float[Array, " examples"],
    epochs: int,
    learning_rate: Float[Array, ""] | float = 1.0,
) -> Perceptron:
    """For each example in turn: if y(wᵀx + b) ≤ 0, w ← w + εyx and b ← b + εy. `signs` y are −1 or 1.

    Separable data are separated after at most (R/γ)² mistakes (Novikoff 1962); others never settle. The rate only
    scales w and b from 0. Source: ee147 History, Neural Networks.
    """

    def one(line: tuple[Array, Array], example: tuple[Array, Array]) -> tuple[tuple[Array, Array], Array]:
        w, b = line
        features, y = example
        wrong = y * (w @ features + b) <= 0
        push = jnp.where(wrong, learning_rate * y, 0.0)
        return (w + push * features, b + push), wrong

    def epoch(line: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], Array]:
        line, wrong = jax.lax.scan(one, line, (x, signs.astype(x.dtype)))
        return line, wrong.sum()

    (weights, bias), mistakes = jax.lax.scan(epoch, (jnp.zeros_like(x[0]), jnp.zeros((), x.dtype)), length=epochs)
    return Perceptron(weights, bias, mistakes)


def predict(model: Perceptron, x: Float[Array, "examples features"]) -> Float[Array, " examples"]:
    """The side of the line, −1 or 1."""
    return jnp.where(x @ model.weights + model.bias > 0, 1.0, -1.0)
