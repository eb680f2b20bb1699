"""Nearest neighbours against scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from dlnotes.classical import neighbors

X, Y = (np.asarray(part) for part in load_digits(return_X_y=True))
TRAIN, TEST = slice(0, 1200), slice(1200, 1797)


@pytest.fixture(scope="module")
def fitted():
    return neighbors.fit(jnp.asarray(X[TRAIN], jnp.float32), jnp.asarray(Y[TRAIN]))


@pytest.mark.parametrize(
    ("metric", "name"),
    [(neighbors.euclidean, "sqeuclidean"), (neighbors.manhattan, "manhattan"), (neighbors.cosine, "cosine")],
)
def test_neighbours_are_scikit_learns(fitted, metric, name):
    theirs = NearestNeighbors(n_neighbors=4, metric=name, algorithm="brute").fit(X[TRAIN])
    distances, _ = theirs.kneighbors(X[TEST][:150])
    mine = neighbors.nearest(fitted, jnp.asarray(X[TEST][:150], jnp.float32), 4, metric)
    np.testing.assert_allclose(mine.distances, distances, rtol=1e-4, atol=1e-5)


def test_the_vote_is_scikit_learns_in_any_batch(fitted):
    theirs = KNeighborsClassifier(5, algorithm="brute").fit(X[TRAIN], Y[TRAIN]).predict(X[TEST])
    queries = jnp.asarray(X[TEST], jnp.float32)
    for batch in (100, 4096):
        mine = neighbors.predict(fitted, queries, 5, 10, batch=batch)
        assert np.mean(np.asarray(mine) == theirs) > 0.997  # ties among equal votes and distances may fall apart
    assert np.mean(np.asarray(mine) == Y[TEST]) > 0.95


def test_equally_near_examples_keep_their_order():
    data = neighbors.fit(jnp.zeros((6, 2)), jnp.arange(6))
    np.testing.assert_array_equal(neighbors.nearest(data, jnp.ones((1, 2)), 3).indices, [[0, 1, 2]])


def test_equal_votes_go_to_the_smallest_class():
    np.testing.assert_array_equal(neighbors.vote(jnp.array([[2, 1, 2, 1], [3, 3, 0, 1]]), 4), [1, 3])


def test_memory_is_bounded_by_the_batch():
    data = jax.eval_shape(lambda: neighbors.Neighbors(jnp.zeros((60_000, 784)), jnp.zeros(60_000, jnp.int32)))
    queries = jax.ShapeDtypeStruct((10_000, 784), jnp.float32)
    compiled = jax.jit(lambda d, q: neighbors.nearest(d, q, 5, batch=128)).lower(data, queries).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 300e6  # all distances at once would be 2.4 GB


@pytest.mark.parametrize("k", [0, 1201])
def test_an_impossible_number_of_neighbours_is_refused(fitted, k):
    with pytest.raises(ValueError, match=f"1200, is wanted, got {k}"):
        neighbors.nearest(fitted, jnp.ones((1, 64)), k)


def test_queries_of_another_width_are_refused(fitted):
    with pytest.raises(ValueError, match=r"queries of 64 features are wanted.*got \(2, 3\)"):
        neighbors.nearest(fitted, jnp.ones((2, 3)), 1)
