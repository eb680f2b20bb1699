"""What is measured of quasi-Newton methods: a function for each study of `quasi_newton`."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from newton_trials import inputs, mean_loss

from dlnotes import lab
from dlnotes.data import images
from dlnotes.maths import quadratics, softmax_regression
from dlnotes.optim.conjugate_gradient import scale_by_conjugate_gradient
from dlnotes.optim.line_search import scale_by_quadratic_step
from dlnotes.optim.minimize import minimize
from dlnotes.optim.quasi_newton import bfgs_update, lbfgs, scale_by_bfgs, scale_by_lbfgs

STEPS = ("exact", "Wolfe", "arbitrary")
EXACT = scale_by_quadratic_step()
WOLFE = optax.scale_by_zoom_linesearch(30, initial_guess_strategy="one")


def against(direction: optax.GradientTransformation, search: optax.GradientTransformation):
    """Walk against a direction as far as a line search says."""
    return optax.chain(direction, optax.scale(-1.0), search)


def follow(method: optax.GradientTransformationExtraArgs, matrix: Array, start: Array, steps: int):
    """Points, gradients, updates and states of a method on ½xᵀHx, those before each of `steps` steps."""
    fun = partial(quadratics.quadratic, matrix)

    def step(carry, _):
        x, state = carry
        g = matrix @ x
        update, state = method.update(g, state, x, value=fun(x), grad=g, value_fn=fun)
        return (x + update, state), (x, g, update, state[0])

    return jax.lax.scan(step, (start, method.init(start)), length=steps)[1]


def expected_error(start: Array, pairs: int) -> Array:
    """E‖E‖² after k = 1 … pairs updates from random steps, Eₖ₊₁ = (I − uuᵀ)Eₖ(I − uuᵀ), u uniform on the sphere.

    From E[uuᵀ] = I/n and E[(uᵀEu)²] = (2‖E‖² + (tr E)²)/n(n + 2): a linear recurrence of E‖E‖² and E(tr E)².
    """
    n = start.shape[0]

    def update(carry, _):
        square, trace = carry
        quartic = (2 * square + trace) / (n * (n + 2))
        return ((1 - 2 / n) * square + quartic, (1 - 2 / n) * trace + quartic), (1 - 2 / n) * square + quartic

    return jax.lax.scan(update, (jnp.sum(start**2), jnp.trace(start) ** 2), length=pairs)[1]


def inverse(key: Array, *, condition: Array, n: int, draws: int) -> lab.Trial:
    """Error of BFGS's Ĥ⁻¹ after 0 … n pairs, from steps of three kinds, on one random quadratic."""
    k_axes, k_start, k_steps = lab.streams(key, "axes", "start", "steps")
    matrix, axes = quadratics.random_quadratic(k_axes, condition, n)
    spectrum = quadratics.log_spectrum(condition, n)
    truth, root = (quadratics.with_spectrum(axes, spectrum**power) for power in (-1.0, 0.5))

    def error(estimates):
        return jnp.linalg.norm(estimates - truth[None], axis=(1, 2)) / jnp.linalg.norm(truth)

    def arbitrary(steps):
        """All estimates from I and these steps, one after the other."""

        def learn(estimate, s):
            after = bfgs_update(estimate, s, matrix @ s)
            return after, after

        return jax.lax.scan(learn, jnp.eye(n), steps)[1]

    def finish(start):
        method = scale_by_bfgs(scale_init_precond=False)
        runs = [follow(against(method, search), matrix, start, n + 1)[-1] for search in (EXACT, WOLFE)]
        drawn = jax.random.normal(k_steps, (draws * n * n,)).reshape(draws, n, n)
        learned = jax.vmap(arbitrary)(drawn @ quadratics.with_spectrum(axes, spectrum**-0.5))
        last = learned[:, -1]
        square = jnp.sum((root @ last @ root - jnp.eye(n)[None]) ** 2, axis=(1, 2)).mean()
        first = error(jnp.eye(n)[None])
        random = jnp.concatenate([first, jax.vmap(error)(learned).mean(0)])
        return {
            "error": jnp.stack([*(error(run.inverse) for run in runs), random]),
            "over_law": square / expected_error(matrix - jnp.eye(n), n)[-1],
            "skipped": jnp.stack([run.skipped[-1] for run in runs]).sum(),
        }

    return lab.Trial(lambda: jax.random.normal(k_start, (n,)), finish=finish)


def conjugacy(key: Array, *, distinct: Array, condition: Array, n: int) -> lab.Trial:
    """Conjugate gradients with exact steps on H with so many different eigenvalues; L-BFGS with one pair beside it.

    Both go n + 5 steps, so that an end after more than n is seen.
    """
    k_axes, k_start = lab.streams(key, "axes", "start")
    level = jnp.floor(jnp.arange(n) * distinct / n)
    axes = jax.random.orthogonal(k_axes, n, dtype=level.dtype)
    matrix = quadratics.with_spectrum(axes, condition ** (level / (distinct - 1)))

    def between(rows):
        """rₖᵀHrₖ₋₁ for k = 1 …, and the same over the lengths of both in H's norm."""
        product = jnp.einsum("ki,ij,kj->k", rows[1:], matrix, rows[:-1])
        length = jnp.sqrt(jnp.einsum("ki,ij,kj->k", rows, matrix, rows))
        return product, product / (length[1:] * length[:-1])

    def finish(start):
        x, g, update, state = follow(against(scale_by_conjugate_gradient(), EXACT), matrix, start, n + 5)
        y, *_ = follow(against(scale_by_lbfgs(1), EXACT), matrix, start, n + 5)
        size = jnp.linalg.norm(g, axis=1)
        there = (size > 1e-6 * size[0])[1:]  # after that, rounding
        product, cosine = between(g)
        rate = jnp.linalg.norm(update, axis=1) / jnp.linalg.norm(state.direction, axis=1)
        distance = jnp.linalg.norm(x, axis=1) / jnp.linalg.norm(start)

        def worst(errors):
            return jnp.max(jnp.where(there, jnp.abs(errors), 0.0))

        return {
            "steps": jnp.sum(distance > 1e-6),
            "distance": distance,
            "between_directions": worst(between(update)[1]),
            "between_gradients": jnp.sum(jnp.where(there, jnp.abs(cosine), 0.0)) / jnp.sum(there),
            "gradient_law": worst(product * rate[:-1] / size[1:] ** 2 + 1),
            "one_pair_apart": jnp.max(jnp.linalg.norm(x - y, axis=1)[: n // 2 + 1]) / jnp.linalg.norm(start),
        }

    return lab.Trial(lambda: jax.random.normal(k_start, (n,)), finish=finish)


def limited(
    key: Array, data: images.Images, *, pairs: Array, memory: int, pixels: int, examples: int, penalty: float,
    cap: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Steps of L-BFGS on one bootstrap sample of the digits, with so many pairs, from one start near 0."""
    k_sample, k_start = lab.streams(key, "sample", "start")
    index = jax.random.randint(k_sample, (examples,), 0, data.train_labels.shape[0])
    x = inputs(data.train_images[index], pixels)
    fun = mean_loss(x, data.train_labels[index], penalty)
    method = lbfgs(linesearch=WOLFE, memory=memory, pairs=pairs)

    def finish(start):
        end = minimize(fun, start, method, tol=1e-6, max_iters=cap)
        return {"steps": jnp.where(end.success, end.nit, cap), "gradients": end.njev}

    return lab.Trial(lambda: 0.01 * jax.random.normal(k_start, (x.shape[1], 10)), finish=finish)


class Arm(NamedTuple):
    """A method that sees batches: how many pairs it uses, and whether both gradients of a pair share their batch."""

    pairs: Array | int
    same: Array | int


class Problem(NamedTuple):
    """Softmax regression on the first digits, and its lowest loss."""

    x: Array
    labels: Array
    lowest: Array


def problem(dataset: str, examples: int, pixels: int, penalty: float) -> Problem:
    """The examples, and the minimum found with all of them."""
    data = images.load(dataset)
    x, labels = inputs(data.train_images[:examples], pixels), jnp.asarray(data.train_labels[:examples])
    best = jax.jit(lambda start: minimize(mean_loss(x, labels, penalty), start, "l-bfgs", tol=1e-9).fun)
    return Problem(x, labels, best(jnp.zeros((x.shape[1], 10))))


class Noisy(NamedTuple):
    """Parameters and the optimizer's state."""

    theta: Array
    state: Any


def batches(
    key: Array, data: Problem, *, arm: Arm, batch: Array, log10_rate: Array, pixels: int, examples: int,
    penalty: float, steps: int, every: int, dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Descent or L-BFGS at a constant rate, a new batch at each step; every arm sees the same batches.

    `excess` is the loss over all examples above the lowest, at most that of θ = 0; `skipped` the share of pairs that
    had yᵀs ≤ 0.
    """
    k_start, k_batches = lab.streams(key, "start", "batches")
    x, labels, lowest = data
    method = scale_by_lbfgs(10, arm.pairs)
    whole = mean_loss(x, labels, penalty)
    worst = whole(jnp.zeros((x.shape[1], 10))) - lowest

    def gradient(theta, t):
        place = jax.random.permutation(jax.random.fold_in(k_batches, t), examples)
        weights = jnp.where(place < batch, 1.0 / batch, 0.0)
        return jax.grad(partial(softmax_regression.objective, x, labels, weights, penalty))(theta)

    def init():
        theta = 0.01 * jax.random.normal(k_start, (x.shape[1], 10))
        return Noisy(theta, method.init(theta))

    def step(state, t):
        g = gradient(state.theta, t)
        again = gradient(state.state.params.reshape(g.shape), t).ravel()
        kept = state.state._replace(grads=jnp.where(arm.same == 1, again, state.state.grads))
        update, after = method.update(g, kept, state.theta)
        return Noisy(state.theta - 10.0**log10_rate * update, after), {}

    def probe(state, t):
        excess = whole(state.theta) - lowest
        return {"excess": jnp.where(jnp.isfinite(excess), jnp.minimum(excess, worst), worst)}

    def finish(state):
        return {"skipped": state.state.skipped / (state.state.count - 1)}

    return lab.Trial(init, step, finish, probe, steps=steps, every=every)
