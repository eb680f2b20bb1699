"""The five nearest of 60,000 examples with 784 features, for queries in batches: brute force, no more memory than that.

scikit-learn: brute force too, which sorts in chunks of its own choice; Faiss, where it is installed: a flat index. Real
images are Fashion-MNIST's, where `dlnotes data get fashion_mnist` or Debian's package has put them.
"""

import itertools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measure import Case
from dlnotes.classical import neighbors
from dlnotes.data import images

K = 5
Problem = tuple[str, np.ndarray, np.ndarray]


def cases(quick: bool) -> Iterator[Case]:
    """Few examples, then as many as MNIST has; the outcome is the mean squared distance, the same for all."""
    sizes = [(1000, 64, 100)] if quick else [(1000, 64, 100), (60_000, 784, 100), (60_000, 784, 1000)]
    made_up = (normal(*size) for size in sizes)
    for name, x, q in made_up if quick else itertools.chain(made_up, clothes()):
        contestants = {
            "dlnotes": lambda x=x, q=q: with_nearest(jnp.asarray(x), jnp.asarray(q)),
            "scikit-learn": lambda x=x, q=q: with_sklearn(x, q),
            "faiss": lambda x=x, q=q: with_faiss(x, q),
        }
        yield Case(name, {"examples": len(x), "features": x.shape[1], "queries": len(q)}, contestants)


def normal(examples: int, features: int, queries: int) -> Problem:
    """Made-up data: times do not depend on what they are."""
    k_x, k_q = jax.random.split(jax.random.key(0))
    x, q = jax.random.normal(k_x, (examples, features)), jax.random.normal(k_q, (queries, features))
    return "5 nearest", np.asarray(x), np.asarray(q)


def clothes() -> Iterator[Problem]:
    """Fashion-MNIST and 1000 of its test images; nothing where it is not on this machine."""
    try:
        found = images.load("fashion_mnist")
    except FileNotFoundError:
        return
    yield "5 nearest, Fashion-MNIST", found.train_images.reshape(-1, 784), found.test_images[:1000].reshape(-1, 784)


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
