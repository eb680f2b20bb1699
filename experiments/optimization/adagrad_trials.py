"""What is measured of AdaGrad's rate: a function for each study of `adagrad_decays`."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
import side_by_side
from jax import Array

from dlnotes import lab
from dlnotes.data import images
from dlnotes.optim import adaptive

RATED = ("AdaGrad", "RMSProp")
NETWORK = ("AdaGrad", "RMSProp", "RMSProp, rate/√t", "Adam")
SPARSE = ("SGD", "SGD, rate/√t", "AdaGrad", "RMSProp", "Adam")


class Gradient(NamedTuple):
    """gₜ = cⱼ · t^−power · (1 + noise·ξ), and `drop` times that in the second half; cⱼ differs by coordinate."""

    power: Array | float = 0.0
    noise: Array | float = 0.0
    drop: Array | float = 1.0


GRADIENTS = {
    "constant": Gradient(),
    "noisy": Gradient(noise=3.0),
    "t^−1/4": Gradient(power=0.25),
    "1/t": Gradient(power=1.0),
    "drops": Gradient(drop=0.01),
}


def decaying(direction: optax.GradientTransformation) -> optax.GradientTransformation:
    """The same, its rate falling like 1/√t."""
    return optax.chain(direction, optax.scale_by_schedule(lambda count: 1 / jnp.sqrt(count + 1.0)))


def effective_rate(key: Array, *, gradient: Gradient, coordinates: int, steps: int) -> lab.Trial:
    """log(|step|/|gradient|) for rate 1 at every t, the mean over coordinates."""
    k_size, k_noise = lab.streams(key, "size", "noise")
    methods = (adaptive.scale_by_adagrad(), adaptive.scale_by_rmsprop())
    size = jnp.exp(jax.random.normal(k_size, (coordinates,)))

    def step(states, t):
        noise = 1 + gradient.noise * jax.random.normal(jax.random.fold_in(k_noise, t), (coordinates,))
        g = size * noise * (t + 1.0) ** -gradient.power * jnp.where(t < steps // 2, 1.0, gradient.drop)
        moved = [method.update(g, state) for method, state in zip(methods, states, strict=True)]
        rates = [jnp.log(jnp.abs(jnp.asarray(update) / g)).mean() for update, _ in moved]
        return tuple(state for _, state in moved), jnp.stack(rates)

    def finish(states):
        return {"log_rate": jax.lax.scan(step, states, jnp.arange(steps))[1]}

    return lab.Trial(lambda: tuple(method.init(size) for method in methods), finish=finish)


def network(
    key: Array, data: images.Images, *, log10_rate: Array, task: str, width: int, batch: int, steps: int, every: int,
    dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """A network trained by every method, and the median over its weights of 1/√(sum or mean of squares)."""
    directions = (
        adaptive.scale_by_adagrad(),
        adaptive.scale_by_rmsprop(),
        decaying(adaptive.scale_by_rmsprop()),
        optax.scale_by_adam(),
    )
    methods = [optax.chain(direction, optax.scale_by_learning_rate(10.0**log10_rate)) for direction in directions]

    task_on_digits = side_by_side.digits_task(task, data, width)
    trial = side_by_side.train(key, task_on_digits, methods, batch=batch, steps=steps, every=every)

    def probe(state, t):
        squares = jnp.stack([optax.tree.get(own, "squares") for own in state.states[:2]])
        return trial.probe(state, t) | {"effective_rate": 1 / jnp.sqrt(jnp.median(squares, axis=1))}

    return trial._replace(probe=probe)


def sparse(
    key: Array, *, zipf: Array, log10_rate: Array, features: int, active: float, strength: float, batch: int,
    steps: int, every: int,
) -> lab.Trial:  # fmt: skip
    """Online logistic regression on features that are 1 with probability ∝ rank^−zipf, 1 at most; `active` on average.

    Every example is new. `loss` is the regret: the loss less that of the weights that made the labels.
    """
    k_truth, k_batches = lab.streams(key, "truth", "batches")
    truth = strength * jax.random.normal(k_truth, (features,))
    rank = 1.0 + jnp.arange(features)
    frequency = jnp.minimum(1.0, active * rank**-zipf / jnp.sum(rank**-zipf))

    def loss(weights, t):
        k_x, k_y = lab.streams(jax.random.fold_in(k_batches, t), "x", "y")
        x = (jax.random.uniform(k_x, (batch * features,)).reshape(batch, features) < frequency[None]).astype(float)
        y = (jax.random.uniform(k_y, (batch,)) < jax.nn.sigmoid(x @ truth)).astype(float)
        return jnp.mean(optax.sigmoid_binary_cross_entropy(x @ weights, y)) - jnp.mean(
            optax.sigmoid_binary_cross_entropy(x @ truth, y)
        )

    directions = (
        optax.identity(),
        decaying(optax.identity()),
        adaptive.scale_by_adagrad(),
        adaptive.scale_by_rmsprop(),
        optax.scale_by_adam(),
    )
    methods = [optax.chain(direction, optax.scale_by_learning_rate(10.0**log10_rate)) for direction in directions]

    def finish(state):
        squares = optax.tree.get(state.states[SPARSE.index("AdaGrad")], "squares")
        seen = squares > 0
        weights = seen / jnp.maximum(seen.sum(), 1)
        x, y = jnp.log(frequency), -0.5 * jnp.log(jnp.where(seen, squares, 1.0))
        x, y = x - weights @ x, y - weights @ y
        slope = (weights @ (x * y)) / jnp.maximum(weights @ (x * x), 1e-12)
        return {"rate_exponent": slope}

    trial = side_by_side.race(lambda: jnp.zeros(features), loss, methods, steps=steps, every=every)
    return trial._replace(finish=finish)
