"""Several optimizers on one task in one trial: the same start, the same batches, a leading axis of methods."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import Array

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
    """Parameters of all methods, stacked on a leading axis, and each method's own state."""

    params: Any
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
    probe: Callable[[Race], Measures] = nothing,
) -> lab.Trial:
    """Every method from `init()` on `loss(params, t)`; records the `loss` before each step and the step's `length`."""

    def begin() -> Race:
        params = init()
        stacked = jax.tree.map(lambda leaf: jnp.stack([leaf] * len(methods)), params)
        return Race(stacked, tuple(method.init(params) for method in methods))

    def step(state: Race, t: Array) -> tuple[Race, Measures]:
        values, gradients = jax.vmap(jax.value_and_grad(loss), (0, None))(state.params, t)
        params, states, lengths = [], [], []
        for i, (method, own) in enumerate(zip(methods, state.states, strict=True)):
            mine, gradient = (jax.tree.map(lambda leaf, i=i: leaf[i], tree) for tree in (state.params, gradients))
            updates, own = method.update(gradient, own, mine)
            params.append(optax.apply_updates(mine, updates))
            states.append(own)
            lengths.append(optax.tree.norm(updates))
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *params)
        return Race(stacked, tuple(states)), {"loss": values, "length": jnp.stack(lengths)}

    return lab.Trial(begin, step, probe=lambda state, t: probe(state), steps=steps, every=every)


def train(
    key: Array,
    task: Task,
    methods: Sequence[optax.GradientTransformation],
    *,
    batch: int,
    steps: int,
    every: int,
    scale: Array | float = 1.0,
    probe: Callable[[Race], Measures] = nothing,
) -> lab.Trial:
    """All methods on minibatches of one task, its loss times `scale`; also records the whole set's `training_loss`."""
    k_init, k_batches = lab.streams(key, "init", "batches")

    def loss(params: Any, t: Array) -> Array:
        index = lab.minibatch(k_batches, t, task.inputs.shape[0], batch)
        return scale * task.loss(params, task.inputs[index], task.targets[index])

    def whole(state: Race) -> Measures:
        values = jax.vmap(lambda params: task.loss(params, task.inputs, task.targets))(state.params)
        return {"training_loss": values} | probe(state)

    return race(lambda: task.init(k_init), loss, methods, steps=steps, every=every, probe=whole)
