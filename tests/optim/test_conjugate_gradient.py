"""Conjugate gradients: n exact steps, conjugate directions, what it does where there is nothing to conjugate."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import optimize
from scipy.sparse.linalg import cg

from dlnotes.maths import quadratics
from dlnotes.maths.test_functions import rosenbrock
from dlnotes.optim.conjugate_gradient import fletcher_reeves, polak_ribiere, scale_by_conjugate_gradient
from dlnotes.optim.line_search import scale_by_quadratic_step
from dlnotes.optim.minimize import minimize

pytestmark = pytest.mark.usefixtures("float64")
BETAS = [fletcher_reeves, polak_ribiere]


def test_formulas():
    g, last = np.array([1.0, -2.0, 0.5]), np.array([0.3, 1.0, -1.0])
    tree, before = (
        {"a": jnp.asarray(g[:1]), "b": jnp.asarray(g[1:])},
        {"a": jnp.asarray(last[:1]), "b": jnp.asarray(last[1:])},
    )
    np.testing.assert_allclose(fletcher_reeves(tree, before), g @ g / (last @ last))
    np.testing.assert_allclose(polak_ribiere(tree, before), g @ (g - last) / (last @ last))
    assert polak_ribiere(0.5 * jnp.asarray(last), jnp.asarray(last)) == 0


def exact(beta):
    return optax.chain(scale_by_conjugate_gradient(beta), optax.scale(-1.0), scale_by_quadratic_step())


@pytest.mark.parametrize("beta", BETAS)
def test_n_exact_steps_minimize_a_quadratic_along_conjugate_directions(beta):
    matrix, _ = quadratics.random_quadratic(jax.random.key(0), 20.0, 6)
    method, x = exact(beta), jnp.ones(6)
    state, gradients, steps = method.init(x), [], []
    for _ in range(6):
        g = matrix @ x
        updates, state = method.update(g, state, x, grad=g, value_fn=lambda x: quadratics.quadratic(matrix, x))
        gradients, steps, x = [*gradients, g], [*steps, updates], x + updates
    np.testing.assert_allclose(x, 0, atol=1e-9)
    between = np.asarray(steps) @ np.asarray(matrix) @ np.asarray(steps).T
    scale = np.sqrt(np.outer(np.diag(between), np.diag(between)))
    np.testing.assert_allclose(between / scale, np.eye(6), atol=1e-7)
    assert state[0].restarts == 0
    rates = [float(-(g @ s) / (s @ matrix @ s)) for g, s in zip(gradients, steps, strict=True)]
    np.testing.assert_allclose(rates, 1, rtol=1e-9)  # every step went to the lowest point along its line


@pytest.mark.parametrize("beta", BETAS)
def test_equals_scipys_linear_solver(beta):
    matrix, _ = quadratics.random_quadratic(jax.random.key(3), 50.0, 5)
    b, points = jnp.arange(1.0, 6.0), []
    cg(np.asarray(matrix), np.asarray(b), x0=np.ones(5), rtol=0, maxiter=4, callback=lambda x: points.append(x.copy()))

    def fun(x):
        return quadratics.quadratic(matrix, x) - b @ x

    for k, want in enumerate(points, start=1):
        end = minimize(fun, jnp.ones(5), exact(beta), tol=0.0, max_iters=k)
        np.testing.assert_allclose(end.x, want, rtol=1e-9, atol=1e-10)


def test_minimizes_rosenbrock():
    search = optax.scale_by_zoom_linesearch(30, curv_rtol=0.1)
    method = optax.chain(scale_by_conjugate_gradient(), optax.scale(-1.0), search)
    end = jax.jit(lambda x: minimize(rosenbrock, x, method))(jnp.array([-1.2, 1.0]))
    want = optimize.minimize(optimize.rosen, [-1.2, 1.0], jac=optimize.rosen_der, method="CG")
    assert end.success
    np.testing.assert_allclose(end.x, want.x, atol=1e-4)


def test_an_ascent_direction_is_replaced_and_counted():
    method = scale_by_conjugate_gradient(lambda g, last: 10.0)
    g = jnp.array([1.0, 0.0])
    direction, state = method.update(g, method.init(g))
    np.testing.assert_array_equal(direction, g)
    direction, state = method.update(-g, state)  # −g + 10·g would climb
    np.testing.assert_array_equal(direction, -g)
    assert state.restarts == 1


@pytest.mark.parametrize("beta", BETAS)
def test_a_zero_gradient_gives_a_zero_step(beta):
    method, zero = scale_by_conjugate_gradient(beta), {"a": jnp.zeros(2)}
    state = method.init(zero)
    for g in (zero, {"a": jnp.ones(2)}, zero, zero):
        direction, state = method.update(g, state)
        np.testing.assert_array_equal(direction["a"], g["a"])
    assert state.count == 4
