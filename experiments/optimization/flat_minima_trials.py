"""A network trained to one and the same loss, and how curved the loss is there: for `momentum_flat_minima`."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from dlnotes import lab
from dlnotes.data import images
from dlnotes.maths import curvature
from dlnotes.nn.mlp import MLP
from dlnotes.nn.symmetry import rescale_hidden
from dlnotes.optim import momentum as momenta
from dlnotes.optim.newton import hessian_vector_product

FACTOR = 16.0  # a power of two, so that rescaling rounds nothing


class Frozen(NamedTuple):
    """A training that stands still once its loss over the whole set is low enough."""

    params: Any
    opt_state: Any
    loss: Array
    steps: Array


def training(
    key: Array, data: images.Images, *, momentum: Array, effective_rate: Array, target: Array, batch: int,
    examples: int, width: int, steps: int, check: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """A ReLU network on a random sample of digits until its loss is `target`, looked at every `check` steps.

    The rate is (1 − momentum)·effective_rate. Batches are drawn with replacement; as large as the sample they are it.
    """
    k_sample, k_init, k_batches, k_probe = lab.streams(key, "sample", "init", "batches", "probe")
    sample = jax.random.permutation(k_sample, data.train_labels.shape[0])[:examples]
    x = jnp.asarray(data.train_images).reshape(data.train_images.shape[0], -1)[sample]
    labels = jnp.asarray(data.train_labels)[sample]
    net = MLP(depth=3, width=width, outputs=10)
    optimizer = momenta.sgd((1 - momentum) * effective_rate, momentum)

    def loss(params: Any, index: Array | slice = slice(None)) -> Array:
        logits = net.apply(params, x[index])
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels[index]).mean()

    def init() -> Frozen:
        params = net.init(k_init, x[:2])
        return Frozen(params, optimizer.init(params), loss(params), jnp.zeros((), jnp.int32))

    def step(state: Frozen, t: Array) -> tuple[Frozen, lab.trial.Measures]:
        def one(i: Array, carry: tuple[Any, Any]) -> tuple[Any, Any]:
            params, own = carry
            index = lab.minibatch(k_batches, t * check + i, examples, batch) if batch < examples else slice(None)
            updates, own = optimizer.update(jax.grad(loss)(params, index), own)
            return optax.apply_updates(params, updates), own

        params, own = jax.lax.fori_loop(0, check, one, (state.params, state.opt_state))
        new = Frozen(params, own, loss(params), state.steps + check)
        there = state.loss <= target
        return jax.tree.map(lambda old, moved: jnp.where(there, old, moved), state, new), {}

    def finish(state: Frozen) -> lab.trial.Measures:
        logits = net.apply(state.params, jnp.asarray(data.test_images))
        test = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.asarray(data.test_labels)).mean()
        quadrature = curvature.spectral_quadrature(loss, state.params, k_probe, steps=20, probes=3)
        n = sum(leaf.size for leaf in jax.tree.leaves(state.params))
        measures = {
            "training_loss": state.loss,
            "steps": state.steps,
            "test_loss": test,
            "test_error": jnp.mean(logits.argmax(-1) != data.test_labels),
            "sharpness": curvature.sharpness(loss, state.params, k_probe),
            "trace": curvature.hessian_trace(quadrature, n),
        }
        return measures | rescaled(state.params, logits)

    def rescaled(params: Any, logits: Array) -> lab.trial.Measures:
        """The same network with its first layer times FACTOR, the second over it: what changes, and what does not."""
        factors = jnp.full(width, FACTOR)
        other = rescale_hidden(params, 1, factors)
        v = jax.tree.map(jnp.sign, params)
        along = rescale_hidden(v, 1, factors)
        before = optax.tree.vdot(v, hessian_vector_product(loss, params, v))
        after = optax.tree.vdot(along, hessian_vector_product(loss, other, along))
        moved = net.apply(other, jnp.asarray(data.test_images)) - logits
        return {
            "rescaled_sharpness": curvature.sharpness(loss, other, k_probe),
            "rescaled_change": jnp.max(jnp.abs(moved)),
            "rescaled_curvature": jnp.asarray(after) / jnp.asarray(before),
        }

    return lab.Trial(init, step, finish=finish, steps=steps // check, every=max(steps // check, 1))
