"""The five nearest of 60,000 examples with 784 features, for queries in batches: brute force, no more memory than that.

scikit-learn: brute force too, which sorts in chunks of its own choice; Faiss, where it is installed: a flat index.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measure import Case
from dlnotes.classical import neighbors

K = 5


def cases(quick: bool) -> Iterator[Case]:
    """Few examples, then as many as MNIST has; the outcome is the mean squared distance, the same for all."""
    sizes = [(1000, 64, 100)] if quick else [(1000, 64, 100), (60_000, 784, 100), (60_000, 784, 1000)]
    for examples, features, queries in sizes:
        k_x, k_q = jax.random.split(jax.random.key(0))
        x, q = jax.random.normal(k_x, (examples, features)), jax.random.normal(k_q, (queries, features))
        contestants = {
            "dlnotes": lambda x=x, q=q: with_nearest(x, q),
            "scikit-learn": lambda x=x, q=q: with_sklearn(np.asarray(x), np.asarray(q)),
            "faiss": lambda x=x, q=q: with_faiss(np.asarray(x), np.asarray(q)),
        }
        yield Case("5 nearest", {"examples": examples, "features": features, "queries": queries}, contestants)


def with_nearest(x, q):
    """256 queries at a time."""
    known = neighbors.fit(x, jnp.zeros(len(x), jnp.int32))
    compiled = jax.jit(lambda known, q: neighbors.nearest(known, q, K)).lower(known, q).compile()
    return lambda: {"distance": compiled(known, q).distances}


def with_sklearn(x, q):
    from sklearn.neighbors import NearestNeighbors

    known = NearestNeighbors(n_neighbors=K, algorithm="brute", metric="sqeuclidean", n_jobs=-1).fit(x)
    return lambda: {"distance": known.kneighbors(q)[0]}


def with_faiss(x, q):
    import faiss

    index = faiss.IndexFlatL2(x.shape[1])
    index.add(x)
    return lambda: {"distance": index.search(q, K)[0]}
