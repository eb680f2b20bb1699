"""What is measured of Newton's and first-order methods: a function for each study of `newton_vs_first_order`."""

from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike

from dlnotes import lab
from dlnotes.data import images
from dlnotes.maths import quadratics, softmax_regression, test_functions
from dlnotes.optim.conjugate_gradient import scale_by_conjugate_gradient
from dlnotes.optim.line_search import scale_by_quadratic_step
from dlnotes.optim.minimize import minimize
from dlnotes.optim.newton import hessian_vector_product, newton, scale_by_newton, scale_by_newton_cg
from dlnotes.optim.quasi_newton import bfgs, scale_by_bfgs
from dlnotes.optim.switch import switch

QUADRATIC = ("descent", "heavy ball", "Newton", "damped Newton", "BFGS", "conjugate gradients")
SEARCHED = {  # directions that a Wolfe line search follows, from step 1 downwards
    "L-BFGS": optax.scale_by_lbfgs(),
    "BFGS": scale_by_bfgs(scale_init_precond=False),
    "Newton–CG": scale_by_newton_cg(),
    "Newton": scale_by_newton(keep_descent=True),
}
ROSENBROCK = ("descent", "Newton, step 1", *SEARCHED)
DIGITS = ("descent", "Nesterov", *SEARCHED)
SADDLE = ("descent", "momentum", "noisy descent", "Newton", "damped Newton")
REPEATED = 100
SCALES = (0.01, 1.0)  # of the random starts from which Newton's step 1 is tried on digits


def searched(direction: optax.GradientTransformation, first: str = "one") -> optax.GradientTransformation:
    """Against a direction to a point that satisfies Wolfe's conditions; tries 1 first, or ("keep") the last length."""
    return optax.chain(direction, optax.scale(-1.0), optax.scale_by_zoom_linesearch(30, initial_guess_strategy=first))


def quadratic(key: Array, *, condition: Array, n: int, cap: int, curve: int) -> lab.Trial:
    """Every method from one random start on one randomly rotated quadratic; line searches are exact."""
    k_axes, k_start = lab.streams(key, "axes", "start")
    matrix, axes = quadratics.random_quadratic(k_axes, condition, n)
    best = (quadratics.descent_steps(1.0, condition), quadratics.heavy_ball_steps(1.0, condition))
    rate, momentum = (jnp.stack(numbers) for numbers in zip(*best, strict=True))
    exact = scale_by_quadratic_step()
    go = partial(minimize, partial(quadratics.quadratic, matrix), residual=lambda x, *_: jnp.linalg.norm(x))

    def first_order(start, which, tol, limit, curve=0):
        return go(start, optax.sgd(rate[which], momentum[which]), tol=tol, max_iters=limit, trace=curve)

    def finish(start):
        descent = first_order(start, 0, 1e-6, cap).nit
        ball = jax.vmap(lambda tol: first_order(start, 1, tol, cap))(jnp.array([1e-6, 1e-3])).nit
        worst = (axes[:, 0] + axes[:, -1]) / jnp.sqrt(2.0)
        begun = jax.vmap(lambda x, which: first_order(x, which, 0.0, 1000, curve))
        begun = begun(jnp.stack([start, start, worst]), jnp.array([0, 1, 0]))
        short = partial(go, start, tol=1e-6, max_iters=curve, trace=curve)
        dense = jax.vmap(lambda damping: short(newton(damping=damping)))(jnp.array([0.0, 1.0]))
        others = (bfgs(linesearch=exact), optax.chain(scale_by_conjugate_gradient(), optax.scale(-1.0), exact))
        quasi, conjugate = (short(method) for method in others)
        error = [run.trajectory.residual for run in (quasi, conjugate)]
        return {
            "steps": jnp.stack([descent, ball[0], *dense.nit, quasi.nit, conjugate.nit]),
            "error": jnp.stack([*begun.trajectory.residual[:2], *dense.trajectory.residual, *error]),
            "descent_contraction": jnp.linalg.norm(begun.x[2]) ** (1 / 1000),
            "heavy_ball_contraction": 1e-3 ** (1 / (ball[0] - ball[1]).astype(float)),
        }

    start = jax.random.normal(k_start, (n,))
    return lab.Trial(lambda: start / jnp.linalg.norm(start), finish=finish)


def rosenbrock(key: Array, *, spread: Array, cap: int) -> lab.Trial:
    """Every method from (−1.2, 1) + spread·N(0, I), for at most `cap` steps."""

    def finish(start):
        def go(method):
            end = minimize(test_functions.rosenbrock, start, method, max_iters=cap)
            return {"steps": jnp.where(end.success, end.nit, cap), "gradients": end.njev}

        def search(index):
            return go(searched(switch(index, tuple(SEARCHED.values()))))

        first = [go(searched(optax.identity(), "keep")), go(newton())]
        second = jax.lax.map(search, jnp.arange(len(SEARCHED)))
        return jax.tree.map(lambda a, b, rest: jnp.concatenate([jnp.stack([a, b]), rest]), *first, second)

    return lab.Trial(lambda: jnp.array([-1.2, 1.0]) + spread * jax.random.normal(key, (2,)), finish=finish)


def inputs(pictures: ArrayLike, pixels: int) -> Array:
    """Means over blocks that leave pixels × pixels of each image, and a constant 1."""
    pictures = jnp.asarray(pictures)
    count, side = pictures.shape[0], pictures.shape[1] // pixels
    blocks = pictures.reshape(count, pixels, side, pixels, side).mean((2, 4)).reshape(count, -1)
    return jnp.concatenate([blocks, jnp.ones((count, 1))], axis=1).astype(jnp.float64)


def mean_loss(x: Array, labels: Array, penalty: float) -> partial:
    """The objective θ → cross-entropy, its mean over these examples, plus ½λ‖θ‖²."""
    return partial(softmax_regression.objective, x, labels, jnp.full(labels.size, 1 / labels.size), penalty)


def digits(
    key: Array, data: images.Images, *, pixels: int, examples: int, penalty: float, cap: int, curve: int,
    dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Every method on one bootstrap sample from one start near 0; Newton's step 1 from a farther start as well."""
    k_sample, k_start = lab.streams(key, "sample", "start")
    index = jax.random.randint(k_sample, (examples,), 0, data.train_labels.shape[0])
    x = inputs(data.train_images[index], pixels)
    rate, momentum = quadratics.nesterov_steps(*softmax_regression.curvature_bounds(x, penalty))
    go = partial(minimize, mean_loss(x, data.train_labels[index], penalty), tol=1e-8)

    def finish(start):
        def ends(method):
            end = go(0.01 * start, method, max_iters=cap, trace=curve)
            return {"steps": jnp.where(end.success, end.nit, cap), "gradient": end.trajectory.residual}

        def search(index):
            return ends(searched(switch(index, tuple(SEARCHED.values()))))

        first = jax.vmap(lambda beta: ends(optax.sgd(rate, beta, nesterov=True)))(jnp.stack([0 * momentum, momentum]))
        second = jax.lax.map(search, jnp.arange(len(SEARCHED)))
        tries = jax.vmap(lambda scale: go(scale * start, newton(), max_iters=20).success)(jnp.array(SCALES))
        return {"unit_step_arrives": tries} | jax.tree.map(lambda *parts: jnp.concatenate(parts), first, second)

    return lab.Trial(lambda: jax.random.normal(k_start, (x.shape[1], 10)), finish=finish)


def small_batch(
    key: Array, data: images.Images, *, batch: Array, descended: Array, examples: int, pixels: int, penalty: float,
    dataset: str = "digits",
) -> lab.Trial:  # fmt: skip
    """Gradient and Newton step from a batch against those from all examples, after so many steps of descent."""
    k_sample, k_start = lab.streams(key, "sample", "start")
    x, labels = inputs(data.train_images[:examples], pixels), jnp.asarray(data.train_labels[:examples])
    drawn = jax.random.randint(k_sample, (examples,), 0, examples)
    some = jnp.zeros(examples).at[drawn].add(jnp.where(jnp.arange(examples) < batch, 1.0 / batch, 0.0))
    rate = 1 / softmax_regression.curvature_bounds(x, penalty)[1]

    def finish(start):
        whole = mean_loss(x, labels, penalty)
        theta = minimize(whole, 0.01 * start, optax.sgd(rate), tol=0.0, max_iters=descended).x

        def step(weights):
            objective = partial(softmax_regression.objective, x, labels, weights, penalty)
            gradient = jax.grad(objective)(theta)
            state = scale_by_newton().init(theta)
            return gradient, scale_by_newton().update(gradient, state, theta, value_fn=objective)[0]

        gradient, newtonian = jax.vmap(step)(jnp.stack([jnp.full(examples, 1 / examples), some]))

        def error(estimates):
            return jnp.linalg.norm(estimates[1] - estimates[0]) / jnp.linalg.norm(estimates[0])

        return {
            "gradient_error": error(gradient),
            "newton_error": error(newtonian),
            "loss_change": whole(theta - newtonian[1]) - whole(theta),
        }

    return lab.Trial(lambda: jax.random.normal(k_start, (x.shape[1], 10)), finish=finish)


def saddle(key: Array, *, width: Array, starts: int, steps: int, shown: int) -> lab.Trial:
    """Many starts around the saddle of a double well: x₁ uniform in ±width, x₂ in ±1; width 0 is the ridge itself."""
    k_start, k_noise = lab.streams(key, "start", "noise")
    well = test_functions.double_well
    methods = (optax.sgd(0.1), optax.sgd(0.1, momentum=0.9), optax.sgd(0.1), newton(), newton(damping=2.0))

    begin = jax.random.uniform(k_start, (starts, 2), minval=-1.0, maxval=1.0)
    begin = begin * jnp.stack([width, jnp.ones(())])[None]

    def init():
        return [(begin, jax.vmap(method.init)(begin)) for method in methods]

    def advance(method, x, own, noise):
        updates, own = optax.with_extra_args_support(method).update(jax.grad(well)(x) + noise, own, x, value_fn=well)
        return optax.apply_updates(x, updates), own

    def step(state, t):
        noise = 0.01 * jax.random.normal(jax.random.fold_in(k_noise, t), (starts, 2))
        noises = [noise if name == "noisy descent" else 0 * noise for name in SADDLE]
        moves = zip(methods, state, noises, strict=True)
        state = [jax.vmap(partial(advance, method))(x, own, noise) for method, (x, own), noise in moves]
        return state, {"at_saddle": jnp.stack([jnp.mean(jnp.linalg.norm(x, axis=1) < 0.1) for x, _ in state])}

    def probe(state, t):
        return {"path": jnp.stack([x[:shown] for x, _ in state])}

    return lab.Trial(init, step, probe=probe, finish=lambda _: {"begin": begin[:shown]}, steps=steps)


def one_step(key: Array, *, solver: str, n: int):
    """A Newton step, or REPEATED steps along gradients or products, on Rosenbrock's function, whose value takes O(n).

    One gradient would be over before its call is.
    """
    fun = test_functions.rosenbrock

    def repeated(direction):
        return lambda x: jax.lax.fori_loop(0, REPEATED, lambda _, x: x - 1e-6 * direction(x), x)

    computations = {
        "gradient": repeated(jax.grad(fun)),
        "Hessian-vector product": repeated(lambda x: hessian_vector_product(fun, x, x)),
        "Newton": lambda x: newton().update(jax.grad(fun)(x), newton().init(x), x, value_fn=fun)[0],
    }
    return computations[solver], (jax.random.normal(key, (n,), jnp.float64),)


def solving(key: Array, *, solver: str, pixels: int, examples: int, penalty: float, cap: int, dataset: str = "digits"):
    """Softmax regression on digits from 0 to a gradient of 1e-8, and the steps it took."""
    data = images.load(dataset)
    x, labels = inputs(data.train_images[:examples], pixels), jnp.asarray(data.train_labels[:examples])

    def solve(x, labels, start):
        rate, momentum = quadratics.nesterov_steps(*softmax_regression.curvature_bounds(x, penalty))
        first = {"descent": optax.sgd(rate), "Nesterov": optax.sgd(rate, momentum, nesterov=True)}
        method = first[solver] if solver in first else searched(SEARCHED[solver])
        end = minimize(mean_loss(x, labels, penalty), start, method, tol=1e-8, max_iters=cap)
        return {"steps": jnp.where(end.success, end.nit, cap)}

    return solve, (x, labels, jnp.zeros((x.shape[1], 10)))
