"""Trials of the early-stopping experiment: a quadratic, least squares on digits, a network with wrong labels."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.flatten_util import ravel_pytree

from dlnotes import lab
from dlnotes.data import images
from dlnotes.maths import quadratics
from dlnotes.nn.mlp import MLP
from dlnotes.optim import early_stopping

VALIDATION = (20, 50, 200)  # sizes of the validation sets that are drawn again and again
SETS = 256
CURVES = ("training", "validation", "test", "wrong")
TWICE = (
    "training_loss", "validation_loss", "stopped_loss", "last_loss", "stopped_wrong", "last_wrong", "stopped_away",
    "last_away", "bound", "best_count", "stopped",
)  # fmt: skip


class Overfitting(NamedTuple):
    """A network while it trains, and at first; the longest gradient so far, and until the best parameters."""

    params: Any
    first: Any
    stopping: early_stopping.EarlyStoppingState
    longest: Array
    until_best: Array


def bowl(key: Array, *, reach: Array, rate: Array, condition: Array, n: int) -> lab.Trial:
    """τ = reach/rate steps of descent on a quadratic with λ from 1/κ to 1, and L2 with the penalty α = 1/(ετ)."""
    k_axes, k_sign, k_start, k_noise, k_spectrum = lab.streams(key, "axes", "sign", "start", "noise", "spectrum")
    steps = jnp.round(reach / rate).astype(jnp.int32)
    alpha = 1.0 / (rate * steps)

    def finish(start):
        matrix, axes = quadratics.random_quadratic(k_axes, condition, n)
        matrix, spectrum = matrix / condition, quadratics.log_spectrum(condition, n) / condition
        sign = jax.random.rademacher(k_sign, (n,), matrix.dtype)
        goal = start + axes @ sign
        end = jax.lax.fori_loop(0, steps, lambda _, w: w - rate * (matrix @ (w - goal)), start)
        ridge = jnp.linalg.solve(matrix + alpha * jnp.eye(n), matrix @ goal + alpha * start)
        stopped, shrunk = ((w - start) @ axes * sign for w in (end, ridge))
        penalties = alpha * 10.0 ** jnp.linspace(-2.0, 2.0, 401)
        apart = jnp.sum((stopped[None] - spectrum[None] / (spectrum[None] + penalties[:, None])) ** 2, axis=1)
        return {
            "kept_stopped": stopped,
            "kept_l2": shrunk,
            "law_error": jnp.max(jnp.abs(stopped - (1.0 - (1.0 - rate * spectrum) ** steps))),
            "gap": jnp.max(jnp.abs(stopped - shrunk)),
            "nearest": penalties[jnp.argmin(apart)] / alpha,
            "risk_ratio": risk_ratio(k_spectrum, k_noise, n),
        }

    return lab.Trial(lambda: jax.random.normal(k_start, (n,)), finish=finish)


def risk_ratio(k_spectrum: Array, k_noise: Array, n: int) -> Array:
    """Least squares with w* ~ N(0, I): the risk at the best time of gradient flow over that at the best penalty.

    Along an axis with curvature λ a share h of the noisy optimum is kept: (1 − h)² + h²σ²/λ. λ is log-uniform from
    1e-3 to 1, σ² from 1e-3 to 1.
    """
    spectrum = 10.0 ** jax.random.uniform(k_spectrum, (n,), minval=-3.0, maxval=0.0)
    noise = 10.0 ** jax.random.uniform(k_noise, minval=-3.0, maxval=0.0)
    times = 10.0 ** jnp.linspace(-3.0, 6.0, 901)[:, None]

    def best(kept):
        return jnp.min(jnp.sum((1.0 - kept) ** 2 + kept**2 * noise / spectrum[None], axis=1))

    scaled = spectrum[None] * times
    return best(-jnp.expm1(-scaled)) / best(scaled / (1.0 + scaled))


def least_squares(
    key: Array, data: images.Images, *, examples: int, points: int, longest: float, dataset: str = "digits"
) -> lab.Trial:
    """Linear regression of ten labels on pixels: errors of all others along descent, and along L2 with α = 1/(ετ)."""
    k_split, k_sets = lab.streams(key, "split", "sets")
    pictures = jnp.concatenate([jnp.asarray(data.train_images), jnp.asarray(data.test_images)])
    labels = jnp.concatenate([jnp.asarray(data.train_labels), jnp.asarray(data.test_labels)])
    order = jax.random.permutation(k_split, labels.size)
    x = pictures.reshape(labels.size, -1).astype(jnp.float64)[order]
    y = jax.nn.one_hot(labels[order], 10, dtype=x.dtype)
    x, y = (both - jnp.mean(both[:examples], axis=0, keepdims=True) for both in (x, y))
    gram, cross = x[:examples].T @ x[:examples] / examples, x[:examples].T @ y[:examples] / examples
    half = examples + (labels.size - examples) // 2  # validation before it, test from it on
    times = jnp.asarray(np.unique(np.round(np.logspace(0.0, longest, points))), jnp.int32)

    def finish(rate):
        def further(carry, time):
            w, done = carry
            w = jax.lax.fori_loop(done, time, lambda _, w: w - rate * (gram @ w - cross), w)
            return (w, time), w

        def penalized(time):
            return jnp.linalg.solve(gram + jnp.eye(gram.shape[0]) / (rate * time), cross)

        stopped = jax.lax.scan(further, (jnp.zeros_like(cross), jnp.zeros((), jnp.int32)), times)[1]
        return judged(stopped, "stopped") | judged(jax.vmap(penalized)(times), "l2") | {"times": times * rate}

    def judged(weights, name):
        outputs = jnp.einsum("nf,tfk->tnk", x, weights)
        square = jnp.mean((outputs - y[None]) ** 2, axis=2)
        wrong = jnp.argmax(outputs, axis=2) != jnp.argmax(y, axis=1)[None]
        curves = {"validation": square[:, examples:half].mean(1), "test": square[:, half:].mean(1)}
        curves |= {"wrong": wrong[:, half:].mean(1), "training": square[:, :examples].mean(1)}
        if name == "stopped":
            curves |= {"optimism": optimism(k_sets, square[:, examples:])}
        return {f"{name}_{what}": curve for what, curve in curves.items()}

    return lab.Trial(lambda: 1.0 / jnp.linalg.eigvalsh(gram)[-1], finish=finish)


def optimism(key: Array, errors: Array) -> Array:
    """Relative: the error of all the examples at the chosen time over the chosen validation error, less 1, by size.

    `errors` are those of each time and example. Each validation set is drawn from all of them, and chooses its time.
    """
    truth = errors.mean(1)

    def once(i):
        order = jax.random.permutation(jax.random.fold_in(key, i), errors.shape[1])
        curves = jnp.stack([errors[:, order[:size]].mean(1) for size in VALIDATION])
        chosen = jnp.argmin(curves, axis=1)
        return truth[chosen], jnp.min(curves, axis=1)

    there, seen = jax.lax.map(once, jnp.arange(SETS))
    return there.mean(0) / seen.mean(0) - 1.0


def network(
    key: Array, data: images.Images, *, wrong: Array, rate: Array, patience: Array, examples: int, validation: int,
    width: int, steps: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Two networks, alike but for their start, trained to the end on few labels, some of them wrong.

    Both remember where early stopping would have left them.
    """
    k_init, k_split, k_wrong, k_label = lab.streams(key, "init", "split", "wrong", "label")
    order = jax.random.permutation(k_split, data.train_labels.shape[0])[: examples + validation]
    x, y = jnp.asarray(data.train_images)[order], jnp.asarray(data.train_labels)[order]
    spoiled = jax.random.uniform(k_wrong, (examples,)) < wrong
    random = jax.random.randint(k_label, (examples,), 0, 10)
    net = MLP(depth=3, width=width, outputs=10)

    def loss(params, x, y):
        return optax.softmax_cross_entropy_with_integer_labels(net.apply(params, x), y).mean()

    def begin(i):
        params = net.init(jax.random.fold_in(k_init, i), x[:2])
        zero = jnp.zeros((), x.dtype)
        return Overfitting(params, params, early_stopping.init(params), zero, zero)

    def start():
        return jax.tree.map(lambda *two: jnp.stack(two), begin(0), begin(1))

    def one(state, t):
        value = loss(state.params, x[examples:], y[examples:])
        stopping = early_stopping.update(state.stopping, value, state.params, patience)
        labels = jnp.where(spoiled, random, y[:examples])
        training, gradient = jax.value_and_grad(loss)(state.params, x[:examples], labels)
        until_best = jnp.where(stopping.best_count == t, state.longest, state.until_best)
        longest = jnp.maximum(state.longest, jnp.asarray(optax.tree.norm(gradient)))
        params = jax.tree.map(lambda p, g: p - rate.astype(p.dtype) * g, state.params, gradient)
        new = Overfitting(params, state.first, stopping, longest, until_best)
        return new, {"training_loss": training, "validation_loss": value}

    def finish(state):
        test = (jnp.asarray(data.test_images), jnp.asarray(data.test_labels))
        stopped = state.stopping.params
        answers = jax.vmap(lambda params: jnp.argmax(net.apply(params, test[0]), axis=1))
        flat = jax.vmap(lambda params: ravel_pytree(params)[0])
        away = [jnp.linalg.norm(flat(params) - flat(state.first), axis=1) for params in (stopped, state.params)]
        named = answers(stopped)
        return {
            "stopped_loss": jax.vmap(loss, (0, None, None))(stopped, *test),
            "last_loss": jax.vmap(loss, (0, None, None))(state.params, *test),
            "stopped_wrong": jnp.mean(named != test[1][None], axis=1),
            "last_wrong": jnp.mean(answers(state.params) != test[1][None], axis=1),
            "stopped_away": away[0],
            "last_away": away[1],
            "bound": rate * state.stopping.best_count * state.until_best,
            "best_count": state.stopping.best_count,
            "stopped": state.stopping.stopped,
            "disagree": jnp.mean(named[0] != named[1]),
        }

    return lab.Trial(start, lambda state, t: jax.vmap(one, (0, None))(state, t), finish, steps=steps, every=10)
