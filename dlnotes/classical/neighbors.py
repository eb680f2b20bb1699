"""k nearest neighbours in bounded memory, and their vote."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

Metric = Callable[[Array, Array], Array]


class Neighbors(NamedTuple):
    """The examples themselves and their classes: nothing is learned."""

    x: Float[Array, "examples features"]
    labels: Int[Array, " examples"]


class Nearest(NamedTuple):
    """For each query the distances of the nearest examples, rising, and which they are."""

    distances: Float[Array, "queries k"]
    indices: Int[Array, "queries k"]


def fit(x: Float[Array, "examples features"], labels: Int[Array, " examples"]) -> Neighbors:
    """Keep the data. Raises ValueError if there is not one label for each example."""
    if x.ndim != 2 or labels.shape != x.shape[:1]:
        raise ValueError(f"x [examples, features] and a label for each are wanted, got {x.shape} and {labels.shape}")
    return Neighbors(x, labels)


def euclidean(queries: Float[Array, "q features"], x: Float[Array, "n features"]) -> Float[Array, "q n"]:
    """‖q − x‖² = ‖q‖² − 2qᵀx + ‖x‖², one matrix product; not below 0, where rounding would put it."""
    squares = (queries**2).sum(1)[:, None] + (x**2).sum(1)[None]
    return jnp.maximum(squares - 2 * queries @ x.T, 0.0)


def manhattan(queries: Float[Array, "q features"], x: Float[Array, "n features"]) -> Float[Array, "q n"]:
    """Σ|qᵢ − xᵢ|."""
    return jax.lax.map(lambda q: jnp.abs(q[None] - x).sum(1), queries)


def cosine(queries: Float[Array, "q features"], x: Float[Array, "n features"]) -> Float[Array, "q n"]:
    """1 − cos∠(q, x); 1 where one of them is 0."""
    lengths = jnp.linalg.norm(queries, axis=1)[:, None] * jnp.linalg.norm(x, axis=1)[None]
    return 1.0 - jnp.where(lengths > 0, queries @ x.T / jnp.where(lengths > 0, lengths, 1.0), 0.0)


def nearest(
    neighbors: Neighbors,
    queries: Float[Array, "queries features"],
    k: int,
    metric: Metric = euclidean,
    *,
    batch: int = 256,
) -> Nearest:
    """The k nearest examples of each query by brute force: O(queries · examples · features).

    `batch` queries at a time, so that batch × examples distances are in memory. Of equally near examples the first
    come first. `euclidean` gives squared distances, in which the subtraction can lose digits where examples lie close
    together and far from 0: center the data. Raises ValueError unless 1 ≤ k ≤ examples. Source: ee147 k-Nearest
    Neighbors.
    """
    n, features = neighbors.x.shape
    if not 1 <= k <= n:
        raise ValueError(f"k from 1 to the number of examples, {n}, is wanted, got {k}")
    if queries.ndim != 2 or queries.shape[1] != features:
        raise ValueError(f"queries of {features} features are wanted, [queries, {features}], got {queries.shape}")
    count = len(queries)
    batch = min(batch, max(count, 1))
    padded = jnp.pad(queries, ((0, -count % batch), (0, 0))).reshape(-1, batch, features)

    def some(block: Array) -> tuple[Array, Array]:
        negative, indices = jax.lax.top_k(-metric(block, neighbors.x), k)
        return -negative, indices

    distances, indices = jax.lax.map(some, padded)
    return Nearest(distances.reshape(-1, k)[:count], indices.reshape(-1, k)[:count])


def predict(
    neighbors: Neighbors,
    queries: Float[Array, "queries features"],
    k: int,
    classes: int,
    metric: Metric = euclidean,
    *,
    batch: int = 256,
) -> Int[Array, " queries"]:
    """The class most frequent among the k nearest; the smallest of equally frequent ones."""
    return vote(neighbors.labels[nearest(neighbors, queries, k, metric, batch=batch).indices], classes)


def vote(labels: Int[Array, "queries k"], classes: int) -> Int[Array, " queries"]:
    """The most frequent label of each row, the smallest of equally frequent ones."""
    return jax.nn.one_hot(labels, classes, dtype=jnp.int32).sum(1).argmax(1)
