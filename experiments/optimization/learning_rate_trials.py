"""Trials of the learning-rate experiment: quadratics, a network at the edge of stability, schedules."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from dlnotes import lab
from dlnotes.data import images
from dlnotes.maths import curvature, quadratics
from dlnotes.nn.mlp import MLP
from dlnotes.optim import schedules
from dlnotes.optim.minimize import minimize

SCHEDULES = (
    "constant", "1/(1 + rt)", "exponential", "k/√t", "staircase", "linear to τ", "on plateau", "warm-up, cosine"
)  # fmt: skip
LOST = 1e4  # a network whose loss is so many times that at the start has diverged, and is left as it is


class Descent(NamedTuple):
    """A network on its way down, its constant rate, the sharpness and the loss that it began with."""

    params: Any
    rate: Array
    sharpness: Array
    loss: Array
    diverged: Array


class Scheduled(NamedTuple):
    """Parameters and the optimizer's state."""

    params: Any
    opt_state: Any


def threshold(key: Array, *, condition: Array, momentum: Array, n: int, steps: int, halvings: int) -> lab.Trial:
    """The largest rate at which the heavy ball still shrinks on a random quadratic, found by halving log₁₀ ε."""
    k_axes, k_start = lab.streams(key, "axes", "start")
    start = jax.random.normal(k_start, (n,))

    def settles(matrix: Array, log10_rate: Array) -> Array:
        """Whether the second half of the steps makes the error smaller."""
        method = optax.sgd(10.0**log10_rate, momentum)

        def step(_, carry):
            x, state = carry
            update, state = method.update(matrix @ x, state)
            return optax.apply_updates(x, update), state

        half = jax.lax.fori_loop(0, steps // 2, step, (start, method.init(start)))
        size, end = (jnp.max(jnp.abs(x)) for x in (half[0], jax.lax.fori_loop(0, steps // 2, step, half)[0]))
        return jnp.isfinite(end) & (end <= size)

    def finish(matrix):
        def halve(_, ends):
            middle = 0.5 * (ends[0] + ends[1])
            good = settles(matrix, middle)
            return jnp.where(good, middle, ends[0]), jnp.where(good, ends[1], middle)

        low, _ = jax.lax.fori_loop(0, halvings, halve, (jnp.asarray(-6.0), jnp.asarray(2.0)))
        return {"largest_rate": 10.0**low}

    return lab.Trial(lambda: quadratics.random_quadratic(k_axes, condition, n)[0], finish=finish)


def contraction(key: Array, *, share: Array, condition: Array, n: int, steps: int, cap: int) -> lab.Trial:
    """Descent on a random quadratic at `share` of 2/λmax: what is left along each axis, and steps to a millionth."""
    k_axes, k_start = lab.streams(key, "axes", "start")
    start = jax.random.normal(k_start, (n,))
    start = start / jnp.linalg.norm(start)
    rate = share * 2.0 / condition

    def finish(rotated):
        matrix, axes = rotated
        go = partial(minimize, partial(quadratics.quadratic, matrix), start, optax.sgd(rate), tol=1e-6)
        end = jax.lax.fori_loop(0, steps, lambda _, x: x - rate * (matrix @ x), start)
        law = (1.0 - rate * quadratics.log_spectrum(condition, n)) ** steps
        error = jnp.max(jnp.abs(end @ axes - law * (start @ axes))) / jnp.max(jnp.abs(law))
        reached = go(max_iters=cap, residual=lambda x, *_: jnp.linalg.norm(x))
        size = jnp.linalg.norm(reached.x)
        return {"error": error, "steps_needed": reached.nit, "arrives": reached.success, "left": jnp.minimum(size, 1e9)}

    return lab.Trial(lambda: quadratics.random_quadratic(k_axes, condition, n), finish=finish)


def scheduled(rate: Array, schedule: Array, steps: int) -> optax.GradientTransformationExtraArgs:
    """Descent on the schedule of this index into `SCHEDULES`, each set for so many steps; needs the loss as value."""
    ways = {
        "constant": optax.constant_schedule(rate),
        "1/(1 + rt)": schedules.inverse_time(rate, 9.0 / steps),
        "exponential": schedules.exponential(rate, 0.01 ** (1.0 / steps)),
        "k/√t": schedules.inverse_sqrt(rate),
        "staircase": schedules.staircase(schedules.exponential(rate, 0.25), steps // 4),
        "linear to τ": schedules.linear_decay(rate, 0.8 * steps, 0.01 * rate),
        "on plateau": optax.constant_schedule(rate),
        "warm-up, cosine": schedules.warmup_cosine(rate, 0.1 * steps, steps),
    }
    factor = jnp.where(schedule == SCHEDULES.index("on plateau"), 0.3, 1.0)

    def chosen(count):
        return jnp.stack([jnp.asarray(ways[name](count)) for name in SCHEDULES])[schedule]

    plateau = schedules.reduce_on_plateau(factor, patience=2, window=max(steps // 30, 1))
    return optax.chain(optax.scale_by_learning_rate(chosen), plateau)


def noisy(key: Array, *, schedule: Array, share: Array, condition: Array, n: int, steps: int, every: int) -> lab.Trial:
    """A quadratic whose gradient has noise N(0, 1) in every coordinate, on a schedule from `share` of 2/λmax."""
    k_axes, k_start, k_noise = lab.streams(key, "axes", "start", "noise")
    matrix, _ = quadratics.random_quadratic(k_axes, condition, n)
    method = scheduled(share * 2.0 / condition, schedule, steps)
    start = 10.0 * jax.random.normal(k_start, (n,))

    def step(state, t):
        value = quadratics.quadratic(matrix, state.params)
        gradient = matrix @ state.params + jax.random.normal(jax.random.fold_in(k_noise, t), (n,))
        update, own = method.update(gradient, state.opt_state, state.params, value=value)
        return Scheduled(optax.apply_updates(state.params, update), own), {"loss": value}

    return lab.Trial(lambda: Scheduled(start, method.init(start)), step, steps=steps, every=every)


def edge(
    key: Array, data: images.Images, *, share: Array, centered: Array, width: int, examples: int, steps: int,
    every: int, lanczos: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Full-batch descent of a tanh network on squared error at `share` of 2/λmax of its first Hessian.

    `centered` 1 takes the mean picture away, 0 leaves pixels in [0, 1].
    """
    k_init, k_examples, k_lanczos = lab.streams(key, "init", "examples", "lanczos")
    some = jax.random.permutation(k_examples, data.train_labels.shape[0])[:examples]
    x, y = (
        jnp.asarray(data.train_images)[some],
        jax.nn.one_hot(jnp.asarray(data.train_labels)[some], 10, dtype="float32"),
    )
    x = x - centered.astype(x.dtype) * jnp.mean(x, axis=0, keepdims=True)
    net = MLP(depth=3, width=width, outputs=10, activation=jnp.tanh, kernel_init=jax.nn.initializers.lecun_normal())

    def loss(params):
        return 0.5 * jnp.mean(jnp.sum(jnp.square(jnp.asarray(net.apply(params, x)) - y), axis=1))

    def sharpness(params):
        return curvature.sharpness(loss, params, k_lanczos, lanczos)

    def init():
        params = net.init(k_init, x[:2])
        sharp = sharpness(params)
        return Descent(params, (share * 2.0 / sharp).astype(sharp.dtype), sharp, loss(params), jnp.zeros((), bool))

    def step(state, t):
        value, gradient = jax.value_and_grad(loss)(state.params)
        diverged = state.diverged | ~(value < LOST * state.loss)
        new = jax.tree.map(lambda p, g: p - state.rate * g, state.params, gradient)
        params = optax.tree.where(diverged, state.params, new)
        return state._replace(params=params, diverged=diverged), {
            "loss": jnp.where(diverged, LOST * state.loss, value),
        }

    def probe(state, t):
        return {"sharpness": jnp.where(state.diverged, 0.0, sharpness(state.params)) * state.rate / 2.0}

    def finish(state):
        return {"first_sharpness": state.sharpness, "first_loss": state.loss, "diverged": state.diverged}

    return lab.Trial(init, step, finish, probe, steps, every)


def network(
    key: Array, data: images.Images, *, schedule: Array, log10_rate: Array, width: int, batch: int, steps: int,
    every: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """A classifier with two hidden ReLU layers, trained on minibatches on one schedule; its loss on the whole set."""
    k_init, k_batches = lab.streams(key, "init", "batches")
    x, y = jnp.asarray(data.train_images), jnp.asarray(data.train_labels)
    net = MLP(depth=3, width=width, outputs=10)
    method = scheduled((10.0**log10_rate).astype(x.dtype), schedule, steps)

    def loss(params, x, y):
        return optax.softmax_cross_entropy_with_integer_labels(net.apply(params, x), y).mean()

    def init():
        params = net.init(k_init, x[:2])
        return Scheduled(params, method.init(params))

    def step(state, t):
        some = lab.minibatch(k_batches, t, x.shape[0], batch)
        value, gradient = jax.value_and_grad(loss)(state.params, x[some], y[some])
        updates, own = method.update(gradient, state.opt_state, state.params, value=value)
        return Scheduled(optax.apply_updates(state.params, updates), own), {"loss": value}

    def probe(state, t):
        return {"training_loss": loss(state.params, x, y)}

    return lab.Trial(init, step, probe=probe, steps=steps, every=every)
