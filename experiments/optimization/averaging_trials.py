"""What is measured of averages: a function for each study of `averaging_window`."""

import jax
import jax.numpy as jnp
import optax
from jax import Array

from dlnotes import lab
from dlnotes.data import images
from dlnotes.nn.mlp import MLP
from dlnotes.optim import averaging

DEVIATIONS = (0.3, 1.0, 3.0)
DECAYS = (0.9, 0.99, 0.999)
ARMS = ("last", *(f"β = {decay:g}" for decay in DECAYS), "mean of the second half", "rate falls to 0")


def responses(key: Array, *, decay: Array, steps: int, shown: int) -> lab.Trial:
    """What `optax.ema` gives for 1, 0, 0, …, the weight of the value n steps back, and for 1, 1, 1, …

    `age`: the values' mean age, the newest 1 step old; `after`: the weight 1/(1 − β) steps back over the newest's.
    """
    plain, corrected = optax.ema(decay, debias=False), optax.ema(decay)

    def step(states, t):
        impulse, ones, right = states
        weight, impulse = plain.update(jnp.where(t == 0, 1.0, 0.0), impulse)
        uncorrected, ones = plain.update(jnp.ones(()), ones)
        unbiased, right = corrected.update(jnp.ones(()), right)
        return (impulse, ones, right), {"weight": weight, "uncorrected": uncorrected, "corrected": unbiased}

    def finish(states):
        found = jax.lax.scan(step, states, jnp.arange(steps))[1]
        weight, t = found["weight"], 1.0 + jnp.arange(steps)
        law = 1 - decay**t
        window = jnp.round(1 / (1 - decay)).astype(int)
        return {name: values[:shown] for name, values in found.items()} | {
            "after": weight[window] / weight[0],
            "age": (weight @ t) / weight.sum(),
            "uncorrected_error": jnp.abs(found["uncorrected"] - law).max(),
            "corrected_error": jnp.abs(found["corrected"] - 1).max(),
        }

    zero = jnp.zeros(())
    return lab.Trial(lambda: (plain.init(zero), plain.init(zero), corrected.init(zero)), finish=finish)


def noisy(key: Array, *, decay: Array, correlation: Array, series: int, steps: int) -> lab.Trial:
    """Mean squared error of both averages of xₜ = 1 + s·nₜ about 1, over many series and for each deviation s.

    n has variance 1, and the correlation ρᵏ between values k apart: so has the distance from the minimum in descent
    with noise on a quadratic.
    """
    plain, corrected = optax.ema(decay, debias=False), optax.ema(decay)
    spread = jnp.array(DEVIATIONS)[:, None]

    def normal(t):
        return jax.random.normal(jax.random.fold_in(key, t), (series,))

    def step(carry, t):
        n, states = carry
        n = correlation * n + jnp.sqrt(1 - correlation**2) * normal(t + 1)
        value = 1 + spread * n[None]
        found = [method.update(value, state) for method, state in zip((plain, corrected), states, strict=True)]
        errors = [jnp.square(jnp.asarray(average) - 1).mean(axis=1) for average, _ in found]
        return (n, tuple(state for _, state in found)), dict(zip(("uncorrected", "corrected"), errors, strict=True))

    def finish(states):
        return jax.lax.scan(step, (normal(0), states), jnp.arange(steps))[1]

    zeros = jnp.zeros((len(DEVIATIONS), series))
    return lab.Trial(lambda: (plain.init(zeros), corrected.init(zeros)), finish=finish)


def network(
    key: Array, data: images.Images, *, log10_rate: Array, mislabelled: Array, width: int, batch: int, steps: int,
    every: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """A ReLU network under plain descent, averages of its parameters; and again with a falling rate.

    `mislabelled` is the share of training labels that are replaced by random ones. Training loss on the labels given,
    test loss and error on the true ones, for each of ARMS.
    """
    k_init, k_batches, k_wrong, k_label = lab.streams(key, "init", "batches", "wrong", "label")
    x, labels, rate = jnp.asarray(data.train_images), jnp.asarray(data.train_labels), 10.0**log10_rate
    wrong = jax.random.uniform(k_wrong, labels.shape) < mislabelled
    labels = jnp.where(wrong, jax.random.randint(k_label, labels.shape, 0, 10), labels)
    net = MLP(depth=3, width=width, outputs=10)
    averages = [*map(averaging.average_params, DECAYS), averaging.average_params(start=steps // 2)]
    falling = optax.sgd(lambda count: rate * jnp.minimum(1.0, 2 * (1 - count / steps)))
    model = (net.init, net.apply)

    def supervised(optimizer):
        sizes = {"batch": batch, "steps": steps, "every": every}
        return lab.supervised(k_init, k_batches, model, cross_entropy, optimizer, (x, labels), **sizes)

    constant, decayed = supervised(optax.chain(optax.sgd(rate), *averages)), supervised(falling)

    def step(states, t):
        first, metrics = constant.step(states[0], t)
        return (first, decayed.step(states[1], t)[0]), metrics

    def measure(params):
        logits = jnp.asarray(net.apply(params, data.test_images))
        return {
            "training_loss": cross_entropy(net.apply(params, x), labels),
            "test_loss": cross_entropy(logits, data.test_labels),
            "test_error": jnp.mean(logits.argmax(-1) != data.test_labels),
        }

    def probe(states, t):
        first, second = states
        arms = [first.params, *(state.average for state in first.opt_state[1:]), second.params]
        return jax.tree.map(lambda *values: jnp.stack(values), *map(measure, arms))

    return lab.Trial(lambda: (constant.init(), decayed.init()), step, probe=probe, steps=steps, every=every)


def cross_entropy(logits: Array, labels: Array) -> Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
