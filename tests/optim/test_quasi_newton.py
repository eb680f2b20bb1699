"""BFGS against the printed update, SciPy's and a NumPy transcription; what it rebuilds, what it skips."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import optimize

from dlnotes.maths import quadratics
from dlnotes.maths.test_functions import double_well, rosenbrock
from dlnotes.optim import quasi_newton
from dlnotes.optim.line_search import scale_by_quadratic_step
from dlnotes.optim.minimize import minimize

pytestmark = pytest.mark.usefixtures("float64")


def printed(inverse, s, y):
    """ee147: (I − syᵀ/yᵀs) H⁻¹ (I − ysᵀ/yᵀs) + ssᵀ/yᵀs."""
    identity = np.eye(s.size)
    return (identity - np.outer(s, y) / (y @ s)) @ inverse @ (identity - np.outer(y, s) / (y @ s)) + np.outer(s, s) / (
        y @ s
    )


def test_update_is_the_printed_one_and_scipys():
    rng = np.random.default_rng(0)
    root, s = rng.normal(size=(5, 5)), rng.normal(size=5)
    inverse, y = root @ root.T, s + 0.3 * rng.normal(size=5)
    assert y @ s > 0
    got = quasi_newton.bfgs_update(*map(jnp.asarray, (inverse, s, y)))
    np.testing.assert_allclose(got, printed(inverse, s, y), rtol=1e-9)
    scipys = optimize.BFGS(init_scale=inverse)
    scipys.initialize(5, "inv_hess")
    scipys.update(s, y)
    np.testing.assert_allclose(got, scipys.get_matrix(), rtol=1e-9)
    np.testing.assert_allclose(got @ y, s, rtol=1e-9)
    np.testing.assert_allclose(got, got.T, rtol=1e-9)
    assert np.linalg.eigvalsh(got)[0] > 0


CURVATURE = np.array([[2.0, 0.5, 0.0], [0.5, 3.0, -1.0], [0.0, -1.0, 10.0]])


def bowl(x):
    """½xᵀAx + ¼Σxᵢ⁴."""
    return quadratics.quadratic(jnp.asarray(CURVATURE), x) + 0.25 * jnp.sum(x**4)


@pytest.mark.parametrize("scaled", [True, False])
def test_equals_a_transcription(scaled):
    rate, points = 0.1, [np.array([-0.5, 1.8, 0.3])]
    inverse, g = np.eye(3), CURVATURE @ points[0] + points[0] ** 3
    direction = g / np.linalg.norm(g)
    for k in range(100):
        x = points[-1] - rate * direction
        s, y = x - points[-1], CURVATURE @ x + x**3 - g
        points, g = [*points, x], g + y
        first = scaled and k == 0
        inverse = printed(inverse * (y @ s / (y @ y) if first else 1.0), s, y)
        direction = inverse @ g
    method = quasi_newton.bfgs(rate, scale_init_precond=scaled)

    def step(carry, _):
        x, state = carry
        updates, state = method.update(jax.grad(bowl)(x), state, x)
        return (x + updates, state), x

    start = jnp.asarray(points[0])
    (_, state), got = jax.lax.scan(step, (start, method.init(start)), length=101)
    np.testing.assert_allclose(got, points, rtol=1e-10, atol=1e-10)
    assert np.linalg.norm(points[-1]) < 1e-3
    assert optax.tree.get(state, "skipped") == 0


def test_rebuilds_the_inverse_in_n_exact_steps():
    matrix, _ = quadratics.random_quadratic(jax.random.key(0), 20.0, 6)
    method = quasi_newton.bfgs(linesearch=scale_by_quadratic_step())

    def fun(x):
        return quadratics.quadratic(matrix, x)

    end = minimize(fun, jnp.ones(6), method, tol=0.0, max_iters=6)
    state = end.state[0]
    state = method.update(end.jac, end.state, end.x, grad=end.jac, value_fn=fun)[1][0]
    assert (state.count, state.skipped) == (7, 0)
    np.testing.assert_allclose(end.x, 0, atol=1e-10)
    np.testing.assert_allclose(state.inverse @ matrix, np.eye(6), atol=1e-7)


def test_a_pair_without_curvature_is_skipped_and_counted():
    method = quasi_newton.scale_by_bfgs()
    x = jnp.array([0.1, 0.5])
    state = method.init(x)
    for step in (jnp.array([0.1, 0.0]), jnp.array([0.0, -0.2]), jnp.array([1.0, 0.0])):
        updates, state = method.update(jax.grad(double_well)(x), state, x)
        assert jnp.isfinite(updates).all()
        x = x + step
    _, state = method.update(jax.grad(double_well)(x), state, x)
    assert (state.count, state.skipped) == (4, 1)  # from x₁ = 0.1 to 0.2 the gradient falls
    assert np.linalg.eigvalsh(state.inverse)[0] > 0


def test_minimizes_rosenbrock_as_scipy_does():
    x = np.array([-1.2, 1.0])
    search = optax.scale_by_zoom_linesearch(30, initial_guess_strategy="one")
    method = quasi_newton.bfgs(linesearch=search, scale_init_precond=False)
    got = jax.jit(lambda x: minimize(rosenbrock, x, method))(jnp.asarray(x))
    want = optimize.minimize(optimize.rosen, x, jac=optimize.rosen_der, method="BFGS")
    assert got.success
    assert optax.tree.get(got.state, "skipped") == 0
    np.testing.assert_allclose(got.x, want.x, atol=1e-5)
    assert abs(int(got.nit) - want.nit) <= 5


def directions(method, gradients, points):
    """What a method replaces each gradient by, and its state at the end."""

    def step(state, pair):
        updates, state = method.update(pair[0], state, pair[1])
        return state, updates

    state, updates = jax.lax.scan(step, method.init(points[0]), (gradients, points))
    return np.asarray(updates), state


@pytest.fixture
def path():
    """Gradients and points of 9 steps on a quadratic: every pair has curvature."""
    rng = np.random.default_rng(0)
    points = jnp.asarray(rng.normal(size=(9, 6)))
    matrix, _ = quadratics.random_quadratic(jax.random.key(0), 20.0, 6)
    return points @ matrix, points


@pytest.mark.parametrize("memory", [1, 3, 10])
def test_pairs_are_used_as_scipy_and_optax_use_them(path, memory):
    got, state = directions(quasi_newton.scale_by_lbfgs(memory), *path)
    want, _ = directions(optax.scale_by_lbfgs(memory), *path)
    np.testing.assert_allclose(got, want, rtol=1e-9)
    s, y = np.diff(path[1], axis=0)[-memory:], np.diff(path[0], axis=0)[-memory:]
    inverse = optimize.LbfgsInvHessProduct(s, y)
    plain, _ = directions(quasi_newton.scale_by_lbfgs(memory, scale_init_precond=False), *path)
    np.testing.assert_allclose(plain[-1], inverse @ np.asarray(path[0][-1]), rtol=1e-9)  # SciPy starts from I
    assert (state.kept, state.skipped, state.steps.shape[0]) == (8, 0, memory + 1)


def test_with_all_pairs_it_is_bfgs(path):
    full, _ = directions(quasi_newton.scale_by_bfgs(scale_init_precond=False), *path)
    limited, _ = directions(quasi_newton.scale_by_lbfgs(8, scale_init_precond=False), *path)
    np.testing.assert_allclose(limited, full, rtol=1e-9)


def test_fewer_pairs_than_are_stored_may_be_traced(path):
    def last(pairs):
        return directions_of(quasi_newton.scale_by_lbfgs(6, pairs))

    def directions_of(method):
        state = method.init(path[1][0])
        for g, x in zip(*path, strict=True):
            updates, state = method.update(g, state, x)
        return updates

    got = jax.jit(jax.vmap(last))(jnp.array([0, 1, 4, 6, 60]))
    np.testing.assert_allclose(got[0], path[0][-1], rtol=1e-12)
    for row, memory in zip(got[1:], (1, 4, 6, 6), strict=True):
        np.testing.assert_allclose(row, directions(quasi_newton.scale_by_lbfgs(memory), *path)[0][-1], rtol=1e-9)


@pytest.mark.parametrize("gradient", [lambda x: -x, lambda x: 0 * x + 1.0, lambda x: jnp.zeros_like(x)])
def test_pairs_without_curvature_leave_descent(gradient):
    points = jnp.asarray(np.random.default_rng(1).normal(size=(5, 3)))
    gradients = jax.vmap(gradient)(points)
    got, state = directions(quasi_newton.scale_by_lbfgs(3), gradients, points)
    np.testing.assert_allclose(got[1:], gradients[1:])
    assert (state.kept, state.skipped) == (0, 4)


def test_memory_of_nothing():
    with pytest.raises(ValueError, match="memory=0"):
        quasi_newton.scale_by_lbfgs(0)


@pytest.mark.parametrize("make", [quasi_newton.bfgs, quasi_newton.lbfgs])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_trees_and_dtypes(dtype, make):
    tree = {"a": jnp.ones((2, 1), dtype), "b": jnp.zeros(3, dtype)}
    method = make(0.1)
    state = method.init(tree)
    updates, after = jax.jit(method.update)(tree, state, tree)
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), updates) == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype), tree
    )
    assert jax.tree.map(jnp.result_type, after) == jax.tree.map(jnp.result_type, state)
    np.testing.assert_allclose(updates["a"], -0.1 / np.sqrt(2), rtol=1e-6)  # the first direction has length 1


def test_says_what_it_needs():
    method = quasi_newton.bfgs()
    with pytest.raises(ValueError, match="BFGS needs the point"):
        method.update(jnp.ones(2), method.init(jnp.ones(2)))
