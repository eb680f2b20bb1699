"""Trials of stratified_folds: many ways to split the same data into folds, and the validation errors they give."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dlnotes import lab
from dlnotes.classical import neighbors, ridge
from dlnotes.data import images

CLASSES = 10
VOTERS = (1, 3, 9)
LEARNERS = ("linear", *(f"{k} neighbour{'s' * (k > 1)}" for k in VOTERS))
HOW = ("in order", "plain", "stratified")
MOST = 6  # a fold's examples of the rarest class are counted up to here


def drawn(key: Array, labels: Array, counts: Array) -> Array:
    """All indices: first counts[c] random examples of each class c, class after class, then the others likewise."""
    by_class = jnp.lexsort((jax.random.uniform(key, labels.shape), labels))
    sizes = jnp.bincount(labels, length=CLASSES)
    place = jnp.arange(len(labels)) - (jnp.cumsum(sizes) - sizes)[labels[by_class]]
    return by_class[jnp.argsort(place >= counts[labels[by_class]], stable=True)]


def split(key: Array, labels: Array, how: Array, folds: int) -> Array:
    """The fold of every example, all of one size; `labels` are sorted.

    In order: one stretch after the other. Plain: at random. Stratified: each class shuffled, then all dealt out one by
    one, so that of a class no fold has two examples more than another.
    """
    n = len(labels)
    stretches = jnp.arange(n) * folds // n
    shuffle = jax.random.uniform(key, (n,))
    dealt = jnp.zeros(n, int).at[jnp.lexsort((shuffle, labels))].set(jnp.arange(n) % folds)
    return jnp.stack([stretches, stretches[jnp.argsort(jnp.argsort(shuffle))], dealt])[how]


def validated_linear(hat: Array, targets: Array, fold: Array, folds: int) -> Array:
    """Scores [n, classes] of each example by ridge regression without its fold, from one fit to all.

    Without fold f the errors there are (I − H_ff)⁻¹ times those of the fit to all, H its hat matrix: ŷ = Hy.
    """
    rows = jnp.argsort(fold, stable=True).reshape(folds, -1)
    inside = jax.vmap(lambda own: hat[own][:, own])(rows)
    missed = (targets - hat @ targets)[rows]
    errors = jnp.linalg.solve(jnp.eye(rows.shape[1])[None] - inside, missed)
    return targets - jnp.zeros_like(targets).at[rows].set(errors)


def voted(near: Array, members: Array, fold: Array) -> Array:
    """Classes [voters, n] by the nearest outside the fold; near [n, some] lists neighbours, members [n, classes]."""
    outside = fold[near] != fold[:, None]
    place = jnp.cumsum(outside, axis=1)
    ballots = [jnp.einsum("nj,njc->nc", outside & (place <= k), members[near]) for k in VOTERS]
    return jnp.stack(ballots).argmax(-1)


class Learned(NamedTuple):
    """What is known of one data set before it is split; `members` are its classes as 0 and 1, [n, classes]."""

    labels: Array
    members: Array
    hat: Array
    near: Array
    true_error: Array


def learn(key: Array, pixels: Array, labels: Array, balance: Array, folds: int, examples: int) -> Learned:
    """Draw a data set, fit all LEARNERS to it, and try them on the examples left over, weighted by its shares."""
    order = drawn(key, labels, balance)
    (x, rest), (y, unseen) = ((part[order[:examples]], part[order[examples:]]) for part in (pixels, labels))
    members, others = (jax.nn.one_hot(part, CLASSES, dtype=x.dtype) for part in (y, unseen))
    weights = ridge.fit(x, jnp.eye(examples, dtype=x.dtype), 1.0, intercept=False).weights  # those of any targets
    known = neighbors.fit(x, y)
    near = neighbors.nearest(known, x, examples // folds + max(VOTERS)).indices
    around = y[neighbors.nearest(known, rest, max(VOTERS)).indices]
    said = [(rest @ weights @ members).argmax(1), *(neighbors.vote(around[:, :k], CLASSES) for k in VOTERS)]
    share = members.mean(0) / jnp.maximum(others.sum(0), 1)
    return Learned(y, members, x @ weights, near, (jnp.stack(said) != unseen[None]) @ share[unseen])


def class_error(wrong: Array, members: Array) -> Array:
    """The mean over the classes that are there of their error rates; wrong [learners, n], members [n, classes]."""
    there = members.sum(0)
    rates = wrong @ members / jnp.maximum(there, 1)[None]
    return rates.sum(1) / (there > 0).sum()


def validate(known: Learned, fold: Array, folds: int, rare: Array) -> dict[str, Array]:
    """Of one split: validation errors, their spread, the choice they make, the folds by their examples of `rare`."""
    linear = validated_linear(known.hat, known.members, fold, folds).argmax(1)
    said = jnp.stack([linear, *voted(known.near, known.members, fold)])
    wrong = (said != known.labels[None]).astype(known.hat.dtype)
    held = jax.nn.one_hot(fold, folds, dtype=wrong.dtype)
    rates = wrong @ held / held.sum(0)[None]
    of_classes = jax.vmap(lambda own: class_error(wrong * own[None], known.members * own[:, None]), 1)(held)
    counts = jnp.minimum(known.members[:, rare] @ held, MOST).astype(int)
    best = rates[1:].mean(1).argmin()
    return {
        "error": rates.mean(1),
        "between_folds": jnp.std(rates, axis=1, ddof=1),
        "class_error": of_classes.mean(0),
        "regret": known.true_error[1:][best] - known.true_error[1:].min(),
        "with_rare": jnp.bincount(counts, length=MOST + 1) / folds,
    }


def folding(
    key: Array, data: images.Images, *, balance: Array, how: Array, folds: int, examples: int, splits: int,
    dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """One data set with balance[c] examples of each class, split many times; which digit is which class is random."""
    if examples % folds:
        raise ValueError(f"folds of one size are wanted: {examples} examples cannot be split into {folds}")
    k_classes, k_rows, k_splits = lab.streams(key, "classes", "rows", "splits")
    labels = jax.random.permutation(k_classes, CLASSES)[jnp.concatenate([data.train_labels, data.test_labels])]
    pixels = jnp.concatenate([data.train_images, data.test_images]).reshape(len(labels), -1)
    pixels = jnp.concatenate([pixels, jnp.ones((len(labels), 1), pixels.dtype)], axis=1)  # the last one is the bias

    def finish(_):
        known = learn(k_rows, pixels, labels, balance, folds, examples)
        rare = jnp.argmin(jnp.where(balance > 0, balance, examples))

        def one(i):
            fold = split(jax.random.fold_in(k_splits, i), known.labels, how, folds)
            return validate(known, fold, folds, rare)

        found = jax.lax.map(one, jnp.arange(splits))
        spread = {f"{name}_spread": jnp.std(found[name], axis=0, ddof=1) for name in ("error", "class_error")}
        return {name: value.mean(0) for name, value in found.items()} | spread | {"true_error": known.true_error}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def chance_of_none(population: int, rare: int, taken: int) -> float:
    """That none of the rare is among those taken, without replacement."""
    return float(np.prod([(population - rare - i) / (population - i) for i in range(taken)]))
