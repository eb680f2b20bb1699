"""What is measured of Adam's bias and its correction: a function for each study of `adam_bias_correction`."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from dlnotes import lab
from dlnotes.data import images
from dlnotes.generative import vae
from dlnotes.nn.mlp import MLP
from dlnotes.optim import adam


class Arm(NamedTuple):
    """One treatment of the moments' bias; `warmup` is the share of the run in which the rate rises linearly."""

    corrected: Array | float
    first_gradient: Array | float
    warmup: Array | float


ARMS = {
    "with": Arm(1.0, 0.0, 0.0),
    "without": Arm(0.0, 0.0, 0.0),
    "first gradient": Arm(0.0, 1.0, 0.0),
    "warm-up": Arm(0.0, 0.0, 0.1),
}


def optimizer(rate: Array, arm: Arm, beta1: Array, beta2: Array, steps: int) -> optax.GradientTransformation:
    """Adam with one treatment of its bias."""
    start = adam.Start(arm.corrected, arm.first_gradient)
    return adam.adam(rate, start, beta1, beta2, warmup=arm.warmup * steps)


def stepping(
    key: Array, *, arm: Arm, beta1: Array, beta2: Array, noise: Array, coordinates: int, steps: int
) -> lab.Trial:
    """Length of every step, for rate 1, on gradients gₜ = 1 + noise·ξₜ; root mean square over the coordinates."""
    transform = optimizer(jnp.ones(()), arm, beta1, beta2, steps)

    def step(state, t):
        gradient = 1 + noise * jax.random.normal(jax.random.fold_in(key, t), (coordinates,))
        update, state = transform.update(gradient, state)
        return state, jnp.sqrt(jnp.mean(jnp.square(jnp.asarray(update))))

    def finish(state):
        return {"step_size": jax.lax.scan(step, state, jnp.arange(steps))[1]}

    return lab.Trial(lambda: transform.init(jnp.zeros(coordinates)), finish=finish)


def autoencoding(
    key: Array, data: images.Images, *, arm: Arm, beta1: Array, beta2: Array, log10_rate: Array,
    hidden: int, latents: int, batch: int, steps: int, every: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """A variational autoencoder with softplus units and Bernoulli pixels, fresh noise at every step."""
    k_init, k_batches, k_noise = lab.streams(key, "init", "batches", "noise")
    x = data.train_images.reshape(data.train_images.shape[0], -1)
    net = vae.VAE(x.shape[1], hidden, latents)
    transform = optimizer(10.0**log10_rate, arm, beta1, beta2, steps)

    def bits(outputs, some):
        logits, posterior = outputs
        return -vae.elbo(logits, posterior, some).mean() / (x.shape[1] * jnp.log(2.0))

    def init():
        params = net.init(k_init, x[:2], jnp.zeros((2, latents)))
        return lab.Training(params, transform.init(params))

    def step(state, t):
        some = x[lab.minibatch(k_batches, t, x.shape[0], batch)]
        noise = jax.random.normal(jax.random.fold_in(k_noise, t), (batch, latents))

        def loss(params):
            return bits(net.apply(params, some, noise), some)

        value, gradient = jax.value_and_grad(loss)(state.params)
        updates, opt_state = transform.update(gradient, state.opt_state, state.params)
        return lab.Training(optax.apply_updates(state.params, updates), opt_state), {"loss": value}

    return lab.Trial(init, step, steps=steps, every=every)


def classifying(
    key: Array, data: images.Images, *, arm: Arm, beta1: Array, beta2: Array, log10_rate: Array,
    width: int, batch: int, steps: int, every: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """A ReLU network with two hidden layers on the labels."""
    k_init, k_batches = lab.streams(key, "init", "batches")
    net = MLP(depth=3, width=width, outputs=10)

    def loss(logits, labels):
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    def accuracy(params):
        logits = jnp.asarray(net.apply(params, data.test_images))
        return {"accuracy": jnp.mean(logits.argmax(-1) == data.test_labels)}

    return lab.supervised(
        k_init, k_batches, (net.init, net.apply), loss, optimizer(10.0**log10_rate, arm, beta1, beta2, steps),
        (jnp.asarray(data.train_images), jnp.asarray(data.train_labels)),
        batch=batch, steps=steps, every=every, finish=accuracy,
    )  # fmt: skip
