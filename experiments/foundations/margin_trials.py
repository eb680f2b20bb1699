"""Trials of `softmax_or_svm`: linear classifiers under corruption, their rows as images, machines and their vectors."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from dlnotes import lab
from dlnotes.classical import kernel_svm, linear_classifier
from dlnotes.data import images

LOSSES = {"softmax": optax.softmax_cross_entropy_with_integer_labels, "svm": linear_classifier.hinge}
FAR = 10.0  # how many times brighter an outlier is
GAMMA = 0.05


class Corruption(NamedTuple):
    """The share of labels that are wrong, and the share of training images that are outliers."""

    flipped: Array | float
    outliers: Array | float


def flat(data: images.Images) -> tuple[Array, Array, Array, Array]:
    """Training images and labels, test images and labels; an image is a row."""
    rows = (jnp.reshape(jnp.asarray(part), (len(part), -1)) for part in (data.train_images, data.test_images))
    return next(rows), jnp.asarray(data.train_labels), next(rows), jnp.asarray(data.test_labels)


def wrong(key: Array, labels: Array, share: Array, classes: int) -> Array:
    """Labels of which a share is replaced by one of the other classes."""
    k_which, k_to = jax.random.split(key)
    other = (labels + jax.random.randint(k_to, labels.shape, 1, classes)) % classes
    return jnp.where(jax.random.uniform(k_which, labels.shape) < share, other, labels)


def corrupted(
    key: Array, data: images.Images, *, corruption: Corruption, log10_strength: Array, examples: int, steps: int,
    dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Both losses on the same corrupted images: errors on as many others whose labels are as wrong, and on the test."""
    k_some, k_flip, k_far, k_label = lab.streams(key, "some", "flip", "far", "label")
    x, labels, test_x, test_labels = flat(data)
    order = jax.random.permutation(k_some, len(labels))[: 2 * examples]
    x, labels = x[order], wrong(k_flip, labels[order], corruption.flipped, 10)
    far = (jax.random.uniform(k_far, labels.shape) < corruption.outliers) & (jnp.arange(2 * examples) < examples)
    x = jnp.where(far[:, None], FAR * x, x)
    labels = jnp.where(far, jax.random.randint(k_label, labels.shape, 0, 10), labels)
    method = optax.adam(optax.cosine_decay_schedule(0.1, steps))

    def finish(_):
        def errors(loss):
            fitted = linear_classifier.fit(
                x[:examples], labels[:examples], 10, 10.0**log10_strength, loss, method=method, tol=0.0, max_iters=steps
            )
            held = linear_classifier.predict(fitted.model, x[examples:]) != labels[examples:]
            return held.mean(), (linear_classifier.predict(fitted.model, test_x) != test_labels).mean()

        validation, test = zip(*map(errors, LOSSES.values()), strict=True)
        return {"validation_error": jnp.stack(validation), "test_error": jnp.stack(test)}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def cosine(a: Array, b: Array) -> Array:
    """cos∠(aᵢ, bⱼ) for the rows of both."""
    return jnp.einsum("if,jf->ij", *(rows / jnp.linalg.norm(rows, axis=1, keepdims=True) for rows in (a, b)))


def correlation(a: Array, b: Array) -> Array:
    """The same after each row's own mean is taken away: how alike two images are, whatever their brightness."""
    return cosine(*(rows - rows.mean(1, keepdims=True) for rows in (a, b)))


def templates(
    key: Array, data: images.Images, *, log10_strength: Array, examples: int, steps: int, dataset: str = "digits"
) -> lab.Trial:
    """How alike the rows of a softmax classifier are to the mean images of its classes, and to their limit."""
    x, labels, *_ = flat(data)
    order = jax.random.permutation(key, len(labels))[:examples]
    x, labels = x[order], labels[order]

    def finish(_):
        model = linear_classifier.fit(x, labels, 10, 10.0**log10_strength, max_iters=steps).model
        member = jax.nn.one_hot(labels, 10)
        means = member.T @ x / member.sum(0)[:, None]
        alike, own = correlation(model.weights, means), jnp.eye(10, dtype=bool)
        limit = member.mean(0)[:, None] * (means - x.mean(0)[None])
        return {
            "own": jnp.diag(alike).mean(),
            "other": jnp.where(own, 0.0, alike).sum() / 90,
            "to_limit": jnp.diag(cosine(model.weights, limit)).mean(),
            "picture": linear_classifier.class_templates(model, (x.shape[1],))[:4],
        }

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def machine(
    key: Array, data: images.Images, *, examples: Array, flipped: Array, strength: Array, most: int,
    dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Odd or even: a support vector machine and kernel ridge regression on the first `examples` of a random order."""
    k_some, k_flip = lab.streams(key, "some", "flip")
    x, labels, test_x, test_labels = flat(data)
    order = jax.random.permutation(k_some, len(labels))[:most]
    x, kernel = x[order], kernel_svm.gaussian(GAMMA)
    signs, test_signs = 2.0 * wrong(k_flip, labels[order] % 2, flipped, 2) - 1.0, 2.0 * (test_labels % 2) - 1.0
    here = jnp.arange(most) < examples

    def finish(_):
        svm = kernel_svm.fit(x, signs, kernel, jnp.where(here, strength, 0.0))
        both = here[:, None] & here[None]
        system = jnp.where(both, kernel(x, x), 0.0) + jnp.eye(most) / (2 * strength)
        ridge = svm._replace(coefficients=jnp.where(here, jnp.linalg.solve(system, signs), 0.0), bias=jnp.zeros(()))
        share = partial(jnp.sum, dtype=float)
        return {
            "support": share(kernel_svm.support(svm)) / examples,
            "ridge_support": share(kernel_svm.support(ridge)) / examples,
            "svm_error": (kernel_svm.predict(svm, kernel, test_x) != test_signs).mean(),
            "ridge_error": (kernel_svm.predict(ridge, kernel, test_x) != test_signs).mean(),
            "converged": svm.converged,
        }

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def decision(key: Array, *, vectors: int, queries: int, features: int):
    """The decisions of a machine with so many vectors."""
    k_x, k_c, k_q = jax.random.split(key, 3)
    model = kernel_svm.KernelSVM(
        jax.random.normal(k_x, (vectors, features)), jax.random.normal(k_c, (vectors,)), jnp.zeros(()), jnp.zeros(()),
        jnp.ones((), bool),
    )  # fmt: skip
    run = partial(kernel_svm.decision, kernel=kernel_svm.gaussian(GAMMA))
    return lambda model, x: run(model, x=x), (model, jax.random.normal(k_q, (queries, features)))
