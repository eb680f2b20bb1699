"""Newton's method against NumPy and SciPy; what it does where H is singular, or curves down."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import optimize

from dlnotes.maths import quadratics
from dlnotes.maths.test_functions import double_well, monkey_saddle, rosenbrock
from dlnotes.optim import newton
from dlnotes.optim.minimize import minimize

pytestmark = pytest.mark.usefixtures("float64")


def follow(method, fun, x, steps):
    """Points of a method [steps + 1, n]."""

    def step(carry, _):
        x, state = carry
        updates, state = method.update(jax.grad(fun)(x), state, x, value_fn=fun)
        x = optax.apply_updates(x, updates)
        return (x, state), x

    (_, state), path = jax.lax.scan(step, (x, method.init(x)), length=steps)
    return np.vstack([x, path]), state


@pytest.mark.parametrize(("rate", "damping"), [(1.0, 0.0), (0.3, 0.0), (1.0, 7.0), (0.5, 200.0)])
def test_equals_the_notes_step(rate, damping):
    x = np.array([0.9, 0.7, 0.6])  # near enough that rounding is not amplified
    want = [x]
    for _ in range(100):  # θ ← θ − α(H + δI)⁻¹g: cs182 3.2 Algorithm 2, ee147's damping
        inverse = np.linalg.inv(optimize.rosen_hess(want[-1]) + damping * np.eye(3))
        want.append(want[-1] - rate * inverse @ optimize.rosen_der(want[-1]))
    got, state = follow(newton.newton(rate, damping), rosenbrock, jnp.asarray(x), 100)
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-10)
    assert optax.tree.get(state, "nhev") == 100
    assert optax.tree.get(state, "fallbacks") == 0


@pytest.mark.parametrize("condition", [1.0, 1e3, 1e6])
def test_one_step_minimizes_a_quadratic(condition):
    matrix, _ = quadratics.random_quadratic(jax.random.key(1), condition, 6)
    path, _ = follow(newton.newton(), lambda x: quadratics.quadratic(matrix, x), jnp.ones(6), 1)
    assert np.linalg.norm(path[1]) < 1e-15 * condition * 100


def test_undamped_runs_to_the_saddle_damped_leaves_it():
    start = jnp.array([0.3, 0.5])
    drawn, _ = follow(newton.newton(), double_well, start, 12)
    np.testing.assert_allclose(drawn[-1], 0, atol=1e-12)
    leaves, _ = follow(newton.newton(damping=2.0), double_well, start, 60)
    np.testing.assert_allclose(leaves[-1], [1, 0], atol=1e-9)
    assert (np.diff([float(double_well(jnp.asarray(x))) for x in leaves]) <= 1e-15).all()


def test_singular_hessian_falls_back_to_the_gradient_and_says_so():
    def fun(x):
        return x[0] ** 2 + x[1]  # H = diag(2, 0)

    path, state = follow(newton.newton(0.1), fun, jnp.array([1.0, 0.0]), 3)
    np.testing.assert_allclose(path[:, 0], 0.8 ** np.arange(4))
    np.testing.assert_allclose(path[:, 1], -0.1 * np.arange(4), atol=1e-15)
    assert optax.tree.get(state, "fallbacks") == 3
    path, state = follow(newton.newton(), monkey_saddle, jnp.zeros(2), 3)
    np.testing.assert_array_equal(path, 0)


def test_keep_descent_falls_back_where_newton_would_climb():
    x, g = jnp.array([0.1, 0.0]), jnp.array([-0.099, 0.0])
    for keep, want in ((True, g), (False, g / (3 * 0.01 - 1))):
        method = newton.scale_by_newton(keep_descent=keep)
        p, state = method.update(g, method.init(x), x, value_fn=double_well)
        np.testing.assert_allclose(p, want, rtol=1e-9)
        assert state.fallbacks == int(keep)


def test_product_is_the_hessian_times_the_vector():
    x, v = jnp.array([0.3, -0.2, 1.5]), jnp.array([1.0, 2.0, -1.0])
    np.testing.assert_allclose(newton.hessian_vector_product(rosenbrock, x, v), optimize.rosen_hess(x) @ v)
    tree = {"a": x[:1], "b": x[1:]}
    got = newton.hessian_vector_product(
        lambda t: rosenbrock(jnp.concatenate([t["a"], t["b"]])), tree, {"a": v[:1], "b": v[1:]}
    )
    np.testing.assert_allclose(jnp.concatenate([got["a"], got["b"]]), optimize.rosen_hess(x) @ v)


def scipys_direction(hessian, g):
    """The inner loop of scipy.optimize's Newton–CG, whose direction is −p, with our scale-free test of flatness."""
    b = -g
    maggrad = np.abs(b).sum()
    termcond = min(0.5, np.sqrt(maggrad)) * maggrad
    x, r, i = np.zeros_like(b), -b, 0
    p = -r
    while np.abs(r).sum() > termcond:
        ap = hessian @ p
        curv = p @ ap
        if curv <= 3 * np.finfo(float).eps * np.linalg.norm(p) * np.linalg.norm(ap):
            return (x if i else r @ r / abs(curv) * b), i + 1, True
        alpha = r @ r / curv
        x, before = x + alpha * p, r @ r
        r = r + alpha * ap
        p = -r + r @ r / before * p
        i += 1
    return x, i, False


@pytest.mark.parametrize(("lowest", "size"), [(1.0, 1.0), (1.0, 1e-9), (-3.0, 1e-2), (-30.0, 1.0)])
def test_truncated_cg_is_scipys(lowest, size):
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    hessian, g = axes @ np.diag([lowest, 2, 3, 5, 20, 21]) @ axes.T, size * rng.normal(size=6)
    want, products, negative = scipys_direction(hessian, g)
    got = newton.truncated_cg(lambda d: jnp.asarray(hessian) @ d, jnp.asarray(g), 120)
    np.testing.assert_allclose(got.solution, -want, rtol=1e-8, atol=1e-14 * size)
    assert (got.nhvp, got.negative_curvature) == (products, negative)
    assert negative == (lowest < 0)
    assert g @ np.asarray(got.solution) > 0


def test_truncated_cg_takes_the_gradient_where_nothing_curves():
    got = newton.truncated_cg(jnp.zeros_like, jnp.array([3.0, -4.0]), 10)
    np.testing.assert_array_equal(got.solution, [3.0, -4.0])
    assert got.negative_curvature
    np.testing.assert_array_equal(newton.truncated_cg(jnp.zeros_like, jnp.zeros(2), 10).solution, 0)


def test_small_gradients_are_solved_accurately():
    matrix, _ = quadratics.random_quadratic(jax.random.key(1), 50.0, 6)
    g = 1e-12 * jnp.arange(1.0, 7.0)  # scipy's absolute test of flatness stops here at once
    got = newton.truncated_cg(lambda d: matrix @ d, g, 120)
    np.testing.assert_allclose(got.solution, np.linalg.solve(matrix, g), rtol=1e-3)


def test_products_are_counted_over_all_steps():
    hessian = jnp.diag(jnp.array([1.0, 4.0, 9.0]))
    method, x = newton.scale_by_newton_cg(), jnp.ones(3)
    state, total = method.init(x), 0
    for size in (1.0, 1e-3):
        g = size * jnp.array([1.0, 2.0, 3.0])
        _, state = method.update(g, state, x, value_fn=lambda x: quadratics.quadratic(hessian, x))
        total += int(newton.truncated_cg(lambda d: hessian @ d, g, 60).nhvp)
    assert state.nhvp == total >= 4


def test_newton_cg_finds_what_scipy_finds():
    x = np.array([-1.2, 1.0, 0.5, 2.0])
    search = optax.scale_by_zoom_linesearch(30, initial_guess_strategy="one")
    got = jax.jit(lambda x: minimize(rosenbrock, x, newton.newton_cg(linesearch=search), tol=1e-8))(jnp.asarray(x))
    want = optimize.minimize(
        optimize.rosen, x, jac=optimize.rosen_der, hess=optimize.rosen_hess, method="Newton-CG", options={"xtol": 1e-10}
    )
    assert got.success
    np.testing.assert_allclose(got.x, want.x, atol=1e-7)
    assert 0.3 < got.nhvp / want.nhev < 10
    assert got.nhev == 0


@pytest.mark.parametrize("make", [newton.newton, newton.newton_cg])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_trees_dtypes_jit(make, dtype):
    def fun(tree):
        return rosenbrock(jnp.concatenate([tree["a"], tree["b"].ravel()]))

    tree = {"a": jnp.asarray([0.4], dtype), "b": jnp.asarray([[0.3, 0.2]], dtype)}
    method = make()
    state = method.init(tree)

    def step(tree, state):
        return method.update(jax.grad(fun)(tree), state, tree, value_fn=fun)

    eager, (after, *_) = step(tree, state)
    compiled, _ = jax.jit(step)(tree, state)
    assert jax.tree.map(lambda a, b: (a.shape, a.dtype) == (b.shape, b.dtype), eager, tree) == {"a": True, "b": True}
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), eager, compiled)
    assert jax.tree.map(jnp.result_type, after) == jax.tree.map(jnp.result_type, state[0])


def test_damping_may_be_swept():
    dampings = jnp.array([0.0, 1.0, 100.0])
    x = jnp.array([0.5, 0.2])

    def end(damping):
        return minimize(rosenbrock, x, newton.newton(1.0, damping), max_iters=3).x

    np.testing.assert_allclose(jax.vmap(end)(dampings), [end(float(d)) for d in dampings], rtol=1e-9)


@pytest.mark.parametrize("method", [newton.newton(), newton.newton_cg()])
def test_says_what_it_needs(method):
    x = jnp.ones(2)
    with pytest.raises(ValueError, match="value_fn=fun"):
        method.update(x, method.init(x), x)
