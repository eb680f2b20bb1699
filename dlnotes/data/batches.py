"""Which examples a step sees: batches as functions of (key, t), so that there is no iterator to save.

N examples in all: `size`. A *batch* is the B of them that one update sees, an *iteration* that update, an *epoch* the
updates in which N examples are seen, ⌈N/B⌉ of them; an update is also called a step. All functions here have the
signature (key, t, size, batch) → indices [batch], t from 0 and free to be traced, as `lab.supervised(index=...)` takes.

Without replacement the examples come as one stream, a permutation of all N after another, of which batch t is the
numbers tB … tB + B − 1. So every example is seen exactly once in every epoch of the stream, and where B does not divide
N the batch at its end holds the remainder and the first examples of the next: none is left out.

Several batches for one update: `optax.MultiSteps(optimizer, k)`, whose mean over k batches is one batch of kB; with
`lambda _: k` in the place of k that is an int32 that may be traced, so that batch sizes share one program. For
float64 say `accumulator_dtype=jnp.float64`: by itself it adds up in float32.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Int, Key

Index = Callable[[Array, ArrayLike, int, int], Array]


class Sampling(NamedTuple):
    """How batches are drawn, as numbers 0 or 1 that may be traced: a condition of one compiled program.

    `replace`: every example anew from all. Else one permutation after another, that as stored without `shuffle`, the
    same again and again without `reshuffle`.
    """

    replace: ArrayLike
    shuffle: ArrayLike
    reshuffle: ArrayLike


WAYS = {
    "with replacement": Sampling(replace=1, shuffle=0, reshuffle=0),
    "one shuffle": Sampling(replace=0, shuffle=1, reshuffle=0),
    "reshuffled": Sampling(replace=0, shuffle=1, reshuffle=1),
    "as stored": Sampling(replace=0, shuffle=0, reshuffle=0),
}


class Place(NamedTuple):
    """Where batch t begins in the stream: its epoch, and how many examples of that have gone before."""

    epoch: Int[Array, ""]
    offset: Int[Array, ""]


def iterations(epochs: float, size: int, batch: int) -> int:
    """⌈epochs·N/B⌉: how many updates it takes. Source: lectures, Training Feed forward NN."""
    return -int(-epochs * size // batch)


def place(t: ArrayLike, size: int, batch: int) -> Place:
    """tB = epoch·N + offset, exact for every t where N·B < 2³¹; raises ValueError for larger sets or batches."""
    if not 0 < batch <= size:
        raise ValueError(f"a batch of a shuffle has 1 to all {size} examples, got {batch}")
    if size * batch >= 2**31:
        raise ValueError(f"size × batch has to stay below 2^31, got {size} × {batch}: take a smaller batch")
    rounds, rest = jnp.divmod(jnp.asarray(t), size)
    epochs, offset = jnp.divmod(rest * batch, size)
    return Place(rounds * batch + epochs, offset)


def with_replacement(key: Key[Array, ""], t: ArrayLike, size: int, batch: int) -> Int[Array, " batch"]:
    """Each example drawn uniformly from all N, whatever came before; the same numbers as `lab.minibatch`.

    An epoch leaves out a share (1 − 1/N)ᴺ ≈ 1/e of the examples. Source: cs182 3.4.3.
    """
    return jax.random.randint(jax.random.fold_in(key, t), (batch,), 0, size)


def one_shuffle(key: Key[Array, ""], t: ArrayLike, size: int, batch: int) -> Int[Array, " batch"]:
    """Consecutive batches of one shuffle, made in advance and used for every epoch. Source: cs182 3.4.3.

    Its order is that of the first epoch of `reshuffled`.
    """
    return sampled(WAYS["one shuffle"])(key, t, size, batch)


def reshuffled(key: Key[Array, ""], t: ArrayLike, size: int, batch: int) -> Int[Array, " batch"]:
    """Consecutive batches of a shuffle that is made anew for every epoch.

    The trap: each call sorts N numbers, twice where B does not divide N; `whole_epoch` sorts them once an epoch.
    Batch 0 alone, under a key of its own, is a simple random sample without replacement.
    """
    return sampled(WAYS["reshuffled"])(key, t, size, batch)


def full(key: Key[Array, ""], t: ArrayLike, size: int, batch: int) -> Int[Array, " batch"]:
    """All examples as stored, at every t; raises ValueError unless B = N. Source: cs182 3.4.1."""
    if batch != size:
        raise ValueError(f"the full batch has all {size} examples, got batch={batch}")
    return jnp.arange(size)


def order(sampling: Sampling, key: Key[Array, ""], epoch: ArrayLike, size: int) -> Int[Array, " size"]:
    """The permutation of an epoch; `sampling.replace` is of no account here."""
    number = jnp.where(jnp.asarray(sampling.reshuffle) > 0, epoch, 0)
    shuffled = jax.random.permutation(jax.random.fold_in(key, number), size)
    return jnp.where(jnp.asarray(sampling.shuffle) > 0, shuffled, jnp.arange(size))


def sampled(sampling: Sampling) -> Index:
    """The index function of this way to draw; under vmap over `sampling` each member pays for all ways."""

    def index(key: Array, t: ArrayLike, size: int, batch: int) -> Array:
        epoch, offset = place(t, size, batch)
        epochs = [epoch] if size % batch == 0 else [epoch, epoch + 1]
        stream = jnp.concatenate([order(sampling, key, number, size) for number in epochs])
        consecutive = jax.lax.dynamic_slice(stream, (offset,), (batch,))
        return jnp.where(jnp.asarray(sampling.replace) > 0, with_replacement(key, t, size, batch), consecutive)

    return index


def whole_epoch(
    sampling: Sampling, key: Key[Array, ""], epoch: ArrayLike, size: int, batch: int
) -> Int[Array, "iterations batch"]:
    """All batches of an epoch, those that `sampled` gives one at a time, after one sort; `epoch` may be traced.

    Raises ValueError unless B divides N.
    """
    if not 0 < batch <= size or size % batch:
        raise ValueError(f"an epoch of whole batches has a multiple of them, got {size} examples in batches of {batch}")
    ahead = jnp.arange(size // batch)
    draws = jax.vmap(lambda i: with_replacement(key, epoch * (size // batch) + i, size, batch))(ahead)
    consecutive = order(sampling, key, epoch, size).reshape(-1, batch)
    return jnp.where(jnp.asarray(sampling.replace) > 0, draws, consecutive)
