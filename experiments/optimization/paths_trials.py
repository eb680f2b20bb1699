"""Paths of nine optimizers down four functions of two variables, each also turned: what `paths` looks at."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from dlnotes import lab
from dlnotes.maths import quadratics, test_functions
from dlnotes.optim import adam, adaptive, momentum
from dlnotes.optim.conjugate_gradient import scale_by_conjugate_gradient
from dlnotes.optim.newton import scale_by_newton
from dlnotes.optim.quasi_newton import scale_by_bfgs
from dlnotes.optim.switch import switch

FIRST = ("descent", "momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam")
SECOND = ("Newton", "BFGS", "conjugate gradients")
METHODS = (*FIRST, *SECOND)
TURNS = {0: (1.0, 0.0), 30: (0.75**0.5, 0.5), 90: (0.0, 1.0)}  # degrees: cosine and sine, exact where they can be
RATES = tuple(10.0 ** (k / 32) for k in range(-128, 17))  # 1e-4 to 3.2
LOWEST = 1e-8  # heights are shares of the first; what is below counts as this
HIGHEST = 100.0  # and what is above, or not finite, as this
LEAST_CURVATURE = 0.1  # that Newton's damping leaves


class Place(NamedTuple):
    """A function, where its paths begin, and how low it is at its minima."""

    fun: Callable[[Array], Array]
    start: tuple[float, float]
    lowest: float


PLACES = {
    "quadratic": Place(lambda x: quadratics.quadratic(jnp.diag(jnp.array([1.0, 20.0])), x), (-4.0, 1.0), 0.0),
    "Rosenbrock": Place(test_functions.rosenbrock, (-1.2, 1.0), 0.0),
    "Beale": Place(test_functions.beale, (1.0, 1.0), 0.0),
    "saddle": Place(test_functions.double_well, (0.0, 1.0), -0.25),
}


def first_order(which: Array, rate: Array) -> optax.GradientTransformation:
    """One of `FIRST`, its other numbers as the notes have them."""
    methods = (
        momentum.sgd(rate, 0.0),
        momentum.sgd(rate, 0.9),
        momentum.sgd(rate, 0.9, nesterov=1.0),
        adaptive.adagrad(rate),
        adaptive.rmsprop(rate),
        adam.adam(rate),
    )
    return switch(which, methods)


def walk(
    fun: Callable[[Array], Array],
    method: Callable[[Array], optax.GradientTransformation],
    start: Array,
    steps: int,
    only_down: bool = False,
) -> tuple[Array, Array]:
    """Points [steps + 1, 2] and values along them, by `method(x)`; `only_down` refuses steps to no lower point."""

    def step(carry, _):
        x, state = carry
        value, gradient = jax.value_and_grad(fun)(x)
        ready = optax.with_extra_args_support(method(x))
        updates, state = ready.update(gradient, state, x, value=value, grad=gradient, value_fn=fun)
        moved = optax.apply_updates(x, updates)
        kept = (fun(moved) < value) | (not only_down)
        return (jnp.where(kept, moved, x), state), (x, value)

    (end, _), (points, values) = jax.lax.scan(step, (start, method(start).init(start)), length=steps)
    return jnp.concatenate([points, end[None]]), jnp.append(values, fun(end))


def searching(fun: Callable[[Array], Array], which: Array, x: Array) -> optax.GradientTransformation:
    """One of `SECOND` at x, and after it a line search for Wolfe's conditions that tries the length 1 first.

    Its c₂ = 0.4 suits conjugate gradients, which need less than ½ (Nocedal & Wright, section 5.2). Newton's damping
    α = max(0, 0.1 − λₘᵢₙ) leaves no curvature below 0.1.
    """
    damping = jnp.maximum(0.0, LEAST_CURVATURE - jnp.linalg.eigvalsh(jax.hessian(fun)(x))[0])
    directions = (scale_by_newton(damping, keep_descent=True), scale_by_bfgs(), scale_by_conjugate_gradient())
    search = optax.scale_by_zoom_linesearch(30, curv_rtol=0.4, initial_guess_strategy="one")
    return optax.chain(switch(which, directions), optax.scale(-1.0), search)


def turned(fun: Callable[[Array], Array], turn: Array) -> tuple[Callable[[Array], Array], Array]:
    """z → f(Rᵀz), and R."""
    cosine, sine = turn
    rotation = jnp.array([[cosine, -sine], [sine, cosine]])
    return lambda z: fun(rotation.T @ z), rotation


def paths(key: Array, *, place: Array, spread: Array, steps: int) -> lab.Trial:
    """Every method from one start, at the best of `RATES` for it: the lowest mean logarithm of its height.

    Rates that climb above the start are not taken.
    """
    places = tuple(PLACES.values())
    fun = partial(jax.lax.switch, place, [known.fun for known in places])
    lowest = jnp.array([known.lowest for known in places])[place]
    begin = jnp.array([known.start for known in places])[place]

    def under(turn: Array, start: Array) -> tuple[Array, Array]:
        """Points (turned back) and heights of every method at every rate: [method, rate, step]."""
        there, rotation = turned(fun, turn)

        def first(which: Array) -> tuple[Array, Array]:
            def at(rate: Array) -> tuple[Array, Array]:
                return walk(there, lambda _: first_order(which, rate), rotation @ start, steps)

            return jax.vmap(at)(jnp.array(RATES))

        def second(which: Array) -> tuple[Array, Array]:
            return walk(there, partial(searching, there, which), rotation @ start, steps, only_down=True)

        points, values = jax.lax.map(first, jnp.arange(len(FIRST)))
        more, heights = jax.lax.map(second, jnp.arange(len(SECOND)))
        repeated = [jnp.repeat(rest[:, None], len(RATES), axis=1) for rest in (more, heights)]
        return jnp.concatenate([points, repeated[0]]) @ rotation, jnp.concatenate([values, repeated[1]])

    def finish(start: Array) -> lab.trial.Measures:
        points, values = jax.vmap(under, (0, None))(jnp.array(list(TURNS.values())), start)
        height = (values - lowest) / (fun(start) - lowest)
        height = jnp.where(jnp.isfinite(height), jnp.clip(height, LOWEST, HIGHEST), HIGHEST)
        climbs = jnp.max(height, axis=-1) > 1 + 1e-9
        best = jnp.argmin(jnp.log10(height).mean(-1) + jnp.where(climbs, 100.0, 0.0), axis=-1)

        def at(array: Array, rate: Array) -> Array:
            """[turn, method, …] of [turn, method, rate, …]."""
            return jax.vmap(jax.vmap(lambda rates, i: rates[i]))(array, rate)

        same = at(points, jnp.broadcast_to(best[:1], best.shape))
        return {
            "path": at(points, best),
            "height": at(height, best),
            "rate": jnp.array(RATES)[best],
            "moved": jnp.linalg.norm(same - same[:1], axis=-1),
        }

    return lab.Trial(lambda: begin + spread * jax.random.normal(key, (2,)), finish=finish)
