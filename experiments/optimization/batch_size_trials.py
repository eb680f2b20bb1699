"""What is measured of batch sizes: a function for each study of `batch_size`."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.flatten_util import ravel_pytree

from dlnotes import lab
from dlnotes.data import batches, images
from dlnotes.nn.mlp import MLP

SIZES = (1, 4, 16, 64, 256, 1024)
SCHEMES = ("with replacement", "without")
MICROBATCH = 4


def cross_entropy(logits: Array, labels: Array) -> Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def network(width: int) -> MLP:
    return MLP(depth=3, width=width, outputs=10)


def flat(pixels: Any) -> Array:
    return jnp.asarray(pixels.reshape(pixels.shape[0], -1))


def estimates(
    key: Array, data: images.Images, *, width: int, draws: int, dataset: str = "digits"
) -> lab.Trial:  # fmt: skip
    """Minibatch gradients at a network's start, of batches that begin alike: error about the gradient of all.

    By scheme and size: the mean squared error, and the squared bias (an unbiased estimate) over that; `one` is the
    exact variance of one example's gradient. All are sums over the weights.
    """
    k_init, k_draws = lab.streams(key, "init", "draws")
    net, x, labels = network(width), flat(data.train_images), jnp.asarray(data.train_labels)
    size = x.shape[0]

    def finish(params):
        def example(x, label):
            return ravel_pytree(jax.grad(lambda p: cross_entropy(net.apply(p, x[None]), label[None]))(params))[0]

        gradients = jax.vmap(example)(x, labels)
        deviations = gradients - gradients.mean(0, keepdims=True)
        number = jnp.arange(draws)
        replaced = jax.vmap(lambda k: batches.with_replacement(k_draws, k, size, SIZES[-1]))(number)
        shuffled = jax.vmap(lambda k: batches.order(batches.WAYS["reshuffled"], k_draws, k, size))(number)

        def measure(rows, batch):
            shares = jax.vmap(lambda row: jnp.zeros(size).at[row[:batch]].add(1 / batch))(rows)
            errors = shares @ deviations
            square = jnp.square(errors).sum(1).mean()
            bias = (draws * jnp.square(errors.mean(0)).sum() - square) / (draws - 1)
            return square, bias / square

        found = jnp.array([[measure(rows, batch) for batch in SIZES] for rows in (replaced, shuffled)])
        return {"square": found[..., 0], "bias": found[..., 1], "one": jnp.square(deviations).sum(1).mean()}

    return lab.Trial(lambda: net.init(k_init, x[:2]), finish=finish)


class Progress(NamedTuple):
    """Training with accumulated gradients, and how often the cost of a batch was above that of the one before."""

    params: Any
    opt_state: optax.MultiStepsState
    cost: Array
    previous: Array
    rises: Array


def progress(
    key: Array, data: images.Images, *, microbatches: Array, log10_rate: Array, examples: int, width: int, epochs: int,
    dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """A network under plain descent, each update from so many microbatches of 4; a step is an epoch.

    All batch sizes see the same examples in the same order, and share one program.
    """
    k_init, k_batches = lab.streams(key, "init", "batches")
    net, x, labels = network(width), flat(data.train_images)[:examples], jnp.asarray(data.train_labels)[:examples]
    method = optax.MultiSteps(optax.sgd(10.0**log10_rate), lambda _: microbatches)

    def loss(params, x, labels):
        return cross_entropy(net.apply(params, x), labels)

    def update(state: Progress, rows: Array):
        value, gradient = jax.value_and_grad(loss)(state.params, x[rows], labels[rows])
        first = state.opt_state.mini_step == 0
        cost = jnp.where(first, 0.0, state.cost) + value / microbatches
        updates, opt_state = method.update(gradient, state.opt_state, state.params)
        done = method.has_updated(opt_state)
        rises = state.rises + jnp.where(done & (cost > state.previous), 1, 0)
        params = optax.apply_updates(state.params, updates)
        return Progress(params, opt_state, cost, jnp.where(done, cost, state.previous), rises), None

    def epoch(state, t):
        rows = batches.whole_epoch(batches.WAYS["reshuffled"], k_batches, t, examples, MICROBATCH)
        return jax.lax.scan(update, state, rows)[0], {}

    def init():
        params = net.init(k_init, x[:2])
        start = jnp.zeros(())
        return Progress(params, method.init(params), start, start + jnp.inf, jnp.zeros((), jnp.int32))

    def probe(state, t):
        return {"training_loss": loss(state.params, x, labels)}

    def finish(state):
        return {"rising": state.rises / jnp.maximum(state.opt_state.gradient_step - 1, 1)}

    return lab.Trial(init, epoch, finish, probe, steps=epochs)
