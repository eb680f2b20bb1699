"""What is measured of ways to draw batches: a function for each study of `shuffle_or_resample`."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.optimize
from jax import Array

from dlnotes import lab
from dlnotes.data import batches, images
from dlnotes.maths import softmax_regression
from dlnotes.nn.mlp import MLP


class Way(NamedTuple):
    """How batches are drawn, and in which of two orders the examples are stored: by class, or by component."""

    sampling: batches.Sampling
    stored: Array | int = 0


WAYS = {name: Way(batches.WAYS[name]) for name in ("with replacement", "one shuffle", "reshuffled")}
SORTED = {
    "sorted by class": Way(batches.WAYS["as stored"], stored=0),
    "sorted by component": Way(batches.WAYS["as stored"], stored=1),
}


class Rate(NamedTuple):
    """The learning rate: `constant`/L, or, where `decay` is more than 0, decay/(μ(t + t₀)), t₀ = decay·L/μ.

    μ is the smallest curvature of the whole loss, L the largest of one example.
    """

    constant: Array | float = 0.0
    decay: Array | float = 0.0

    def at(self, t: Array, smallest: Array, largest: Array) -> Array:
        falling = self.decay / (smallest * t + self.decay * largest + 1e-30)
        return jnp.where(self.decay > 0, falling, self.constant / largest)


class Digits(NamedTuple):
    """Training digits, examples first; both orders to store them in; a test set; the exact minimum of the convex loss.

    That is softmax regression with the penalty given; the orders are by class, and along the first principal component.
    """

    x: Array
    labels: Array
    orders: Array
    test_x: Array
    test_labels: Array
    minimum: Array


def digits(dataset: str, examples: int, penalty: float) -> Digits:
    """The digits and their minimum, from SciPy in float64."""
    data = images.load(dataset)
    x, labels = data.train_images[:examples].reshape(examples, -1), data.train_labels[:examples]
    centred = x - x.mean(0)
    component = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    orders = np.stack([np.argsort(labels, kind="stable"), np.argsort(component, kind="stable")])
    test_x = data.test_images.reshape(len(data.test_images), -1)
    return Digits(*map(jnp.asarray, (x, labels, orders, test_x, data.test_labels, minimum(x, labels, penalty))))


def with_ones(x):
    """A column of ones beside the inputs: biases."""
    return jnp.concatenate([x, jnp.ones((x.shape[0], 1), x.dtype)], axis=1)


def minimum(x: np.ndarray, labels: np.ndarray, penalty: float) -> np.ndarray:
    """The only minimum θ* [inputs + 1, classes] of penalized softmax regression."""
    x, one_hot = np.hstack([x, np.ones((len(x), 1))]).astype(float), np.eye(10)[labels]

    def loss(flat):
        theta = flat.reshape(x.shape[1], 10)
        logits = x @ theta
        log_p = logits - scipy.special.logsumexp(logits, axis=1, keepdims=True)
        gradient = x.T @ (np.exp(log_p) - one_hot) / len(x) + penalty * theta
        return -np.mean(np.sum(one_hot * log_p, axis=1)) + 0.5 * penalty * flat @ flat, gradient.ravel()

    start = np.zeros(x.shape[1] * 10)
    found = scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"gtol": 1e-9, "ftol": 1e-15})
    return found.x.reshape(x.shape[1], 10).astype(np.float32)


def least_squares(
    key: Array, *, way: Way, rate: Rate, examples: int, features: int, orders: int, epochs: int
) -> lab.Trial:
    """½ mean (xᵢᵀθ − yᵢ)², one example at a time; excess over the minimum at the end of every epoch.

    The mean over several runs on the same problem, in other orders. The state is the distance δ to the minimum, from
    which constant rates start.
    """
    k_x, k_noise, k_start, k_batches = lab.streams(key, "x", "noise", "start", "batches")
    x = jax.random.normal(k_x, (examples * features,)).reshape(examples, features)
    noise = jax.random.normal(k_noise, (examples,))
    basis = jnp.linalg.qr(x)[0]
    residual = noise - basis @ (basis.T @ noise)
    hessian = x.T @ x / examples
    smallest, largest = jnp.linalg.eigvalsh(hessian)[0], jnp.square(x).sum(1).max()

    def update(carry, i):
        delta, t = carry
        gradient = x[i] * (x[i] @ delta - residual[i])
        return (delta - rate.at(t, smallest, largest) * gradient, t + 1), None

    def run(key, start):
        def epoch(carry, number):
            rows = batches.whole_epoch(way.sampling, key, number, examples, 1)[:, 0]
            carry = jax.lax.scan(update, carry, rows)[0]
            return carry, 0.5 * carry[0] @ hessian @ carry[0]

        return jax.lax.scan(epoch, (start, jnp.zeros(())), jnp.arange(epochs))[1]

    def finish(start):
        return {"excess": jax.vmap(run, (0, None))(jax.random.split(k_batches, orders), start).mean(0)}

    start = jnp.where(rate.decay > 0, jax.random.normal(k_start, (features,)), 0.0)
    return lab.Trial(lambda: start, finish=finish)


def by_epochs(key: Array, way: Way, data: Digits, batch: int, update: Callable) -> Callable:
    """A trial's step that is an epoch: `update(state, t, indices)` for each of its batches in turn."""

    def step(state, epoch):
        rows = batches.whole_epoch(way.sampling, key, epoch, data.x.shape[0], batch)
        rows = data.orders[way.stored][rows]
        t = epoch * rows.shape[0] + jnp.arange(rows.shape[0])
        return jax.lax.scan(lambda state, now: (update(state, *now), None), state, (t, rows))[0], {}

    return step


def convex(
    key: Array, data: Digits, *, way: Way, rate: Rate, penalty: float, examples: int, batch: int, epochs: int,
    dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Softmax regression on digits: squared distance of the weights to the minimum, from a random start."""
    k_start, k_batches = lab.streams(key, "start", "batches")
    x = with_ones(data.x)
    largest = 0.5 * jnp.square(x).sum(1).max() + penalty
    equal = jnp.full(batch, 1 / batch)

    def update(theta, t, rows):
        loss = partial(softmax_regression.objective, x[rows], data.labels[rows], equal, penalty)
        return theta - rate.at(t, jnp.asarray(penalty), largest) * jax.grad(loss)(theta)

    def probe(theta, _):
        return {"distance": jnp.sum(jnp.square(theta - data.minimum))}

    def init():
        return data.minimum + 0.1 * jax.random.normal(k_start, (data.minimum.size,)).reshape(data.minimum.shape)

    return lab.Trial(init, by_epochs(k_batches, way, data, batch, update), probe=probe, steps=epochs)


def network(
    key: Array, data: Digits, *, way: Way, log10_rate: Array, penalty: float, examples: int, width: int, batch: int,
    epochs: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """A network with two hidden layers of ReLUs: training loss and test error after every epoch."""
    k_init, k_batches = lab.streams(key, "init", "batches")
    net = MLP(depth=3, width=width, outputs=10)

    def loss(params, x, labels):
        return optax.softmax_cross_entropy_with_integer_labels(net.apply(params, x), labels).mean()

    def update(params, _, rows):
        gradient = jax.grad(loss)(params, data.x[rows], data.labels[rows])
        return jax.tree.map(lambda p, g: p - 10.0**log10_rate * g, params, gradient)

    def probe(params, _):
        wrong = jnp.asarray(net.apply(params, data.test_x)).argmax(-1) != data.test_labels
        return {"training_loss": loss(params, data.x, data.labels), "test_error": wrong.mean()}

    step = by_epochs(k_batches, way, data, batch, update)
    return lab.Trial(lambda: net.init(k_init, data.x[:2]), step, probe=probe, steps=epochs)
