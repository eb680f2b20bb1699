"""What is measured of the rules on batch sizes: a function for each study of `batch_size_rules`."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from batch_size_trials import cross_entropy, flat, network
from jax import Array
from jax.flatten_util import ravel_pytree

from dlnotes import lab
from dlnotes.data import batches, images


def fit(
    key: Array, data: images.Images, examples: Array | int, log10_rate: Array, width: int, index: Callable, **sizes: int
) -> lab.Trial:  # fmt: skip
    """A network on the first `examples`; its training loss on them, and test loss and error."""
    k_init, k_batches = lab.streams(key, "init", "batches")
    net, x, labels = network(width), flat(data.train_images), jnp.asarray(data.train_labels)
    used = jnp.arange(x.shape[0]) < examples

    def probe(params):
        each = optax.softmax_cross_entropy_with_integer_labels(net.apply(params, x), labels)
        logits = jnp.asarray(net.apply(params, flat(data.test_images)))
        return {
            "training_loss": jnp.sum(each * used) / examples,
            "test_loss": cross_entropy(logits, data.test_labels),
            "test_error": jnp.mean(logits.argmax(-1) != data.test_labels),
        }

    return lab.supervised(
        k_init, k_batches, (net.init, net.apply), cross_entropy, optax.sgd(10.0**log10_rate), (x, labels),
        probe=probe, index=index, **sizes,
    )  # fmt: skip


def minibatches(
    key: Array, data: images.Images, *, examples: Array, log10_rate: Array, width: int, batch: int, steps: int,
    every: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Batches drawn with replacement from the first `examples`, which are data."""

    def index(key, t, _, batch):
        return jax.random.randint(jax.random.fold_in(key, t), (batch,), 0, examples)

    return fit(key, data, examples, log10_rate, width, index, batch=batch, steps=steps, every=every)


def whole(
    key: Array, data: images.Images, *, examples: int, log10_rate: Array, width: int, steps: int, every: int,
    dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """The full batch of the first `examples` at every step."""

    def index(key, t, _, batch):
        return batches.full(key, t, examples, batch)

    return fit(key, data, examples, log10_rate, width, index, batch=examples, steps=steps, every=every)


def updating(key: Array, *, batch: int, width: int, repeated: int) -> tuple[Callable, tuple]:
    """So many updates of the network, one after another, each on this batch."""
    k_init, k_x = lab.streams(key, "init", "x")
    net = network(width)
    x = jax.random.normal(k_x, (batch * 64,)).reshape(batch, 64)
    labels = jnp.arange(batch) % 10

    def run(params, x, labels):
        def update(_, params):
            gradient = jax.grad(lambda p: cross_entropy(net.apply(p, x), labels))(params)
            return jax.tree.map(lambda p, g: p - 0.01 * g, params, gradient)

        return ravel_pytree(jax.lax.fori_loop(0, repeated, update, params))[0]

    return run, (net.init(k_init, x[:2]), x, labels)
