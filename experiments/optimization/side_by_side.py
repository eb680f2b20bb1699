"""Several optimizers on one task in one trial: the same start, the same batches, a leading axis of methods."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import Array
from jax.flatten_util import ravel_pytree
from jaxtyping import Float

from dlnotes import lab
from dlnotes.data import images
from dlnotes.lab.trial import Measures, nothing
from dlnotes.nn.mlp import MLP


class Task(NamedTuple):
    """A network to train: its first parameters, the loss of a batch, and the training set."""

    network: nn.Module
    init: Callable[[Array], Any]
    loss: Callable[[Any, Array, Array], Array]
    inputs: Array
    targets: Array


class Race(NamedTuple):
    """The weights of all methods, each method's in one row, and each method's own state."""

    weights: Float[Array, "methods weights"]
    states: tuple


def digits_task(name: str, data: images.Images, width: int) -> Task:
    """Softmax regression, a classifier with two hidden ReLU layers, or an autoencoder with three narrow ones.

    Losses: cross-entropy in nats; of the autoencoder the squared error of a pixel.
    """
    inputs = jnp.asarray(data.train_images.reshape(data.train_images.shape[0], -1))
    labels = jnp.asarray(data.train_labels)
    networks = {
        "softmax regression": nn.Dense(10),
        "classifier": MLP(depth=3, width=width, outputs=10),
        "autoencoder": MLP(depth=4, width=width, outputs=inputs.shape[1]),
    }
    if name not in networks:
        raise ValueError(f"no task {name!r}; there are {', '.join(networks)}")
    network = networks[name]

    def init(key: Array) -> Any:
        return network.init(key, inputs[:2])

    def cross_entropy(params: Any, x: Array, y: Array) -> Array:
        return optax.softmax_cross_entropy_with_integer_labels(network.apply(params, x), y).mean()

    def squared_error(params: Any, x: Array, y: Array) -> Array:
        return jnp.mean(jnp.square(jnp.asarray(network.apply(params, x)) - y))

    if name == "autoencoder":
        return Task(network, init, squared_error, inputs, inputs)
    return Task(network, init, cross_entropy, inputs, labels)


def race(
    init: Callable[[], Any],
    loss: Callable[[Any, Array], Array],
    methods: Sequence[optax.GradientTransformation],
    *,
    steps: int,
    every: int = 1,
    probe: Callable[[Any], Measures] = nothing,
    finish: Callable[[Any], Measures] = nothing,
) -> lab.Trial:
    """Every method from `init()` on `loss(params, t)`; records the `loss` before each step and the step's `length`.

    `probe` and `finish` measure the parameters of one method. All weights are one flat row to the methods, which must
    treat each by itself.
    """
    unravel = ravel_pytree(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(init)))[1]

    def begin() -> Race:
        row = ravel_pytree(init())[0]
        return Race(jnp.stack([row] * len(methods)), tuple(method.init(row) for method in methods))

    def step(state: Race, t: Array) -> tuple[Race, Measures]:
        values, gradients = jax.vmap(jax.value_and_grad(lambda row: loss(unravel(row), t)))(state.weights)
        rows = zip(methods, gradients, state.states, strict=True)
        moved = [method.update(gradient, own) for method, gradient, own in rows]
        updates = jnp.stack([update for update, _ in moved])
        measures = {"loss": values, "length": jnp.linalg.norm(updates, axis=1)}
        return Race(state.weights + updates, tuple(own for _, own in moved)), measures

    def each(measure: Callable[[Any], Measures]) -> Callable[..., Measures]:
        return lambda state, *_: jax.vmap(lambda row: measure(unravel(row)))(state.weights)

    return lab.Trial(begin, step, finish=each(finish), probe=each(probe), steps=steps, every=every)


def train(
    key: Array, task: Task, methods: Sequence[optax.GradientTransformation], *, batch: int, steps: int, every: int
) -> lab.Trial:
    """All methods on minibatches of one task; also records the loss of its whole set, `training_loss`."""
    k_init, k_batches = lab.streams(key, "init", "batches")

    def loss(params: Any, t: Array) -> Array:
        index = lab.minibatch(k_batches, t, task.inputs.shape[0], batch)
        return task.loss(params, task.inputs[index], task.targets[index])

    def whole(params: Any) -> Measures:
        return {"training_loss": task.loss(params, task.inputs, task.targets)}

    return race(lambda: task.init(k_init), loss, methods, steps=steps, every=every, probe=whole)
