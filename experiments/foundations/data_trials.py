"""Trials of data_hunger: learners given more and more digits; training and test data that differ."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from dlnotes import lab
from dlnotes.classical import linear_classifier, neighbors, ridge
from dlnotes.data import images
from dlnotes.nn.mlp import MLP

LEARNERS = ("1-nearest neighbor", "linear", "MLP")
KINDS = ("rule", "inputs", "inputs, bent truth")
MODELS = ("clean", "moved", "both")


def networks(width: int) -> dict[str, tuple[nn.Module, float]]:
    """Whatever is trained by Adam, and its rate."""
    linear = nn.Sequential([lambda x: x.reshape(len(x), -1), nn.Dense(10)])
    return {"linear": (linear, 0.01), "MLP": (MLP(2, width, 10), 0.003)}


def hunger(
    key: Array, data: images.Images, *, n: Array, width: int, batch: int, steps: int, dataset: str = "digits"
) -> lab.Trial:
    """Test error of each learner from the first n examples of one order of them."""
    k_order, k_init, k_batches = lab.streams(key, "order", "init", "batches")
    order = jax.random.permutation(k_order, data.train_images.shape[0])
    x, labels = jnp.asarray(data.train_images)[order], jnp.asarray(data.train_labels)[order]
    test = jnp.asarray(data.test_images)

    def learned(k_net, net, rate):
        optimizer = optax.adam(rate)

        def loss(params, chosen):
            logits = net.apply(params, x[chosen])
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels[chosen]).mean()

        def step(carry, t):
            params, state = carry
            gradient = jax.grad(loss)(params, lab.minibatch(k_batches, t, n, batch))
            updates, state = optimizer.update(gradient, state, params)
            return (optax.apply_updates(params, updates), state), None

        begin = net.init(k_net, x[:2])
        (params, _), _ = jax.lax.scan(step, (begin, optimizer.init(begin)), jnp.arange(steps))
        return net.apply(params, test).argmax(-1)

    def finish(_):
        flat, queries = (part.reshape(len(part), -1) for part in (x, test))
        apart = jnp.where((jnp.arange(len(x)) < n)[None], neighbors.euclidean(queries, flat), jnp.inf)
        keys, nets = jax.random.split(k_init, 2), networks(width).values()
        found = [labels[apart.argmin(1)], *(learned(k, *which) for k, which in zip(keys, nets, strict=True))]
        return {"error": jnp.mean(jnp.stack(found) != jnp.asarray(data.test_labels)[None], axis=1)}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def least_squares(key: Array, *, shift: Array, noise: Array, n: int, features: int) -> lab.Trial:
    """Least squares on a training set and on a test set unlike it: where the minimum goes, and what it costs.

    The rule's first weight grows by `shift`; or the first input's mean does, and the truth is linear, or has ½x₁² too.
    """
    k_theta, k_inputs, k_noise = lab.streams(key, "theta", "inputs", "noise")
    first = jnp.eye(features)[0]

    def samples(kind, theta, normal, xi):
        by = jnp.array([0.0, 1.0]) * shift
        x = normal + (0.0 if kind == "rule" else by[:, None, None] * first[None, None])
        y = x @ theta + noise * xi
        y = y + {"rule": by[:, None] * x[..., 0], "inputs": 0.0, "inputs, bent truth": 0.5 * x[..., 0] ** 2}[kind]
        return jnp.concatenate([x, jnp.ones((2, n, 1))], axis=-1), y[..., None]

    def measured(kind, *drawn):
        x, y = samples(kind, *drawn)
        train, test = (ridge.fit(*part, intercept=False).weights[:, 0] for part in zip(x, y, strict=True))

        def loss(theta, at=1):
            return jnp.mean((x[at] @ theta - y[at, :, 0]) ** 2)

        hessian, slope = x[1].T @ x[1] * 2 / n, jax.grad(loss)(train)
        law = jnp.linalg.solve(hessian, -slope)
        excess = loss(train) - loss(test)
        before = x[0].T @ x[0] * 2 / n
        return {
            "moved": (test - train)[0],
            "excess": excess,
            "law_error": jnp.maximum(jnp.abs(test - train - law).max(), jnp.abs(excess + 0.5 * slope @ law)),
            "surface": jnp.linalg.norm(hessian - before) / jnp.linalg.norm(before),
        }

    def finish(_):
        theta = jax.random.normal(k_theta, (features,))
        x = jax.random.normal(k_inputs, (2 * n * features,)).reshape(2, n, features)
        xi = jax.random.normal(k_noise, (2 * n,)).reshape(2, n)
        found = [measured(kind, theta, x, xi) for kind in KINDS]
        return jax.tree.map(lambda *parts: jnp.stack(parts), *found)

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def to_the_right(x: Array, pixels: Array) -> Array:
    """Images moved by a part of a pixel, by interpolation; zeros come in."""
    beside = jnp.pad(x, ((0, 0), (0, 0), (1, 0), (0, 0)))[:, :, :-1]
    return (1 - pixels) * x + pixels * beside


def moved_digits(
    key: Array, data: images.Images, *, pixels: Array, strength: Array, examples: int, steps: int,
    dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Softmax regression on digits as they are, on moved ones, and on half of each; tested on both kinds."""
    (k_order,) = lab.streams(key, "order")
    order = jax.random.permutation(k_order, data.train_images.shape[0])[:examples]
    x, labels = jnp.asarray(data.train_images)[order], jnp.asarray(data.train_labels)[order]
    test = jnp.asarray(data.test_images)
    share = jnp.stack([jnp.zeros(examples), jnp.ones(examples), jnp.arange(examples) % 2]).astype(x.dtype)

    def flat(x):
        return x.reshape(len(x), -1)

    def finish(_):
        at = jnp.asarray(pixels, x.dtype)

        def fitted(part):
            images = to_the_right(x, at * part[:, None, None, None])
            return linear_classifier.fit(flat(images), labels, 10, strength.astype(x.dtype), max_iters=steps).model

        models = jax.lax.map(fitted, share)
        errors = [
            jax.vmap(lambda model, x=x: (linear_classifier.predict(model, x) != data.test_labels).mean())(models)
            for x in (flat(test), flat(to_the_right(test, at)))
        ]
        apart = jnp.linalg.norm(models.weights[1] - models.weights[0]) / jnp.linalg.norm(models.weights[0])
        return {"error": jnp.stack(errors, axis=1), "apart": apart}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def bent_cost(shift: float) -> float:
    """Excess error of the line through ½x² under N(0, 1) where x ~ N(s, 1): E(½s² + s(x − s))² = s² + s⁴/4."""
    return float(np.square(shift) + shift**4 / 4)
