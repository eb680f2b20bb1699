"""Three problems with values, gradients and Hessians written out in NumPy, and the path an optimizer takes on them."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest


class Problem(NamedTuple):
    """The same function twice: for JAX, and in NumPy with its derivatives by hand."""

    fun: Callable[[jax.Array], jax.Array]
    value: Callable[[np.ndarray], float]
    gradient: Callable[[np.ndarray], np.ndarray]
    hessian: Callable[[np.ndarray], np.ndarray]
    start: np.ndarray


def quadratic() -> Problem:
    """½xᵀAx − bᵀx of condition 30."""
    rng = np.random.default_rng(8)
    axes, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    a, b = axes @ np.diag(np.geomspace(1, 30, 5)) @ axes.T, rng.normal(size=5)
    return Problem(
        lambda x: 0.5 * x @ jnp.asarray(a) @ x - jnp.asarray(b) @ x,
        lambda x: 0.5 * x @ a @ x - b @ x,
        lambda x: a @ x - b,
        lambda x: a,
        rng.normal(size=5),
    )


def valley() -> Problem:
    """Rosenbrock's (1 − x)² + 100 (y − x²)² from its customary start."""
    return Problem(
        lambda v: (1 - v[0]) ** 2 + 100 * (v[1] - v[0] ** 2) ** 2,
        lambda v: (1 - v[0]) ** 2 + 100 * (v[1] - v[0] ** 2) ** 2,
        lambda v: np.array([2 * (v[0] - 1) - 400 * v[0] * (v[1] - v[0] ** 2), 200 * (v[1] - v[0] ** 2)]),
        lambda v: np.array([[2 - 400 * v[1] + 1200 * v[0] ** 2, -400 * v[0]], [-400 * v[0], 200.0]]),
        np.array([-1.2, 1.0]),
    )


def logistic() -> Problem:
    """formulas 1.2 and 2.2.1: −1/m Σ [y log a + (1 − y) log(1 − a)] + λ/(2m) ‖w‖², gradient 1/m X(A − Y)ᵀ + λ/m w."""
    rng = np.random.default_rng(9)
    m, penalty = 40, 2.0
    x = rng.normal(size=(3, m)) * np.array([[1.0], [3.0], [0.3]])
    y = (rng.uniform(size=m) < 1 / (1 + np.exp(-np.array([1.0, -0.5, 2.0]) @ x))).astype(float)

    def sigmoid(w):
        return 1 / (1 + np.exp(-(w @ x)))

    def fun(w):
        z = w @ jnp.asarray(x)
        return jnp.mean(jax.nn.softplus(z) - jnp.asarray(y) * z) + penalty / (2 * m) * w @ w

    def value(w):
        a = sigmoid(w)
        return -(y * np.log(a) + (1 - y) * np.log(1 - a)).mean() + penalty / (2 * m) * w @ w

    def gradient(w):
        return x @ (sigmoid(w) - y) / m + penalty / m * w

    def hessian(w):
        a = sigmoid(w)
        return (x * (a * (1 - a))) @ x.T / m + penalty / m * np.eye(3)

    return Problem(fun, value, gradient, hessian, np.array([-1.0, 2.0, 0.5]))


PROBLEMS = {"quadratic": quadratic, "valley": valley, "logistic": logistic}


@pytest.fixture(params=PROBLEMS)
def problem(request) -> Problem:
    return PROBLEMS[request.param]()


@pytest.fixture
def follow():
    """follow(method, problem, steps): the points that an optax method visits, the start first."""

    def run(method, problem, steps=100):
        method = optax.with_extra_args_support(method)
        value_and_grad = jax.value_and_grad(problem.fun)

        def step(carry, _):
            x, state = carry
            value, grad = value_and_grad(x)
            updates, state = method.update(grad, state, x, value=value, grad=grad, value_fn=problem.fun)
            x = optax.apply_updates(x, updates)
            return (x, state), x

        @jax.jit
        def points(x):
            return jax.lax.scan(step, (x, method.init(x)), None, length=steps)

        (_, state), xs = points(jnp.asarray(problem.start))
        return np.vstack([problem.start, xs]), state

    return run
