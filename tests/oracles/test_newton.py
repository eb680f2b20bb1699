"""Oracles of dlnotes.optim.newton: the printed step with a hand-written Hessian, and truncated conjugate gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.optim import newton

SAME = {"rtol": 1e-10, "atol": 1e-10}
STEPS = 100
RATE = 0.1  # small: at a minimum reached to the last digit the counts of products hang on rounding


def printed_newton(problem, alpha, damping=0.0):
    """cs182 3.2 Algorithm 2, θ − α H⁻¹g; ee147 first vs second order regularizes to (H + αI)⁻¹."""
    points = [problem.start]
    for _ in range(STEPS):
        theta = points[-1]
        hessian = problem.hessian(theta) + damping * np.eye(len(theta))
        points.append(theta - alpha * np.linalg.inv(hessian) @ problem.gradient(theta))
    return np.array(points)


def truncated_cg(h, g, max_steps):
    """The method of Hestenes and Stiefel for Hp = g from p = 0, ended by SciPy's rules: (p, products, flat)."""
    size = np.abs(g).sum()
    tolerance = min(0.5, np.sqrt(size)) * size
    p, r, d = np.zeros_like(g), g.copy(), g.copy()
    for k in range(max_steps):
        if np.abs(r).sum() <= tolerance:
            return p, k, False
        hd = h @ d
        curvature = d @ hd
        if curvature <= 3 * np.finfo(float).eps * np.linalg.norm(d) * np.linalg.norm(hd):
            return (g @ g / abs(g @ h @ g) * g if k == 0 else p), k + 1, True
        step = r @ r / curvature
        p, before = p + step * d, r @ r
        r = r - step * hd
        d = r + r @ r / before * d
    return p, max_steps, False


@pytest.mark.parametrize(("alpha", "damping"), [(1.0, 0.0), (0.3, 0.0), (0.3, 2.0)])
def test_a_hundred_newton_steps_are_the_printed_ones(float64, follow, problem, alpha, damping):
    mine, state = follow(newton.newton(alpha, damping), problem, STEPS)
    np.testing.assert_allclose(mine, printed_newton(problem, alpha, damping), **SAME)
    counts = [leaf for leaf in jax.tree.leaves(state) if np.issubdtype(np.asarray(leaf).dtype, np.integer)]
    assert STEPS in list(map(int, counts))  # so many Hessians


def test_newton_minimizes_a_quadratic_in_one_step(float64, follow, problem):
    """ee147: setting g + H(θ − θ₀) to zero. On the others one step leads to the critical point of the Taylor sum."""
    mine, _ = follow(newton.newton(), problem, 1)
    model = problem.gradient(problem.start) + problem.hessian(problem.start) @ (mine[1] - mine[0])
    np.testing.assert_allclose(model, 0, atol=1e-10)


def test_a_singular_hessian_gives_the_gradient(float64):
    g = jnp.asarray([1.0, -2.0, 0.5])
    method = newton.scale_by_newton()

    def fun(x):
        return g @ x + x[0] ** 2

    p, state = method.update(g, method.init(g), jnp.zeros(3), value_fn=fun)
    np.testing.assert_array_equal(p, g)
    assert (int(state.nhev), int(state.fallbacks)) == (1, 1)


@pytest.mark.parametrize("keep_descent", [False, True])
def test_a_direction_uphill_is_kept_unless_asked(float64, keep_descent):
    h, g = np.diag([1.0, -4.0]), np.array([1.0, 3.0])  # gᵀH⁻¹g = 1 − 9/4 < 0
    method = newton.scale_by_newton(keep_descent=keep_descent)
    x = np.linalg.solve(h, g)
    p, state = method.update(
        jnp.asarray(g), method.init(jnp.asarray(g)), jnp.asarray(x), value_fn=lambda x: 0.5 * x @ jnp.asarray(h) @ x
    )
    np.testing.assert_allclose(p, g if keep_descent else np.linalg.solve(h, g), rtol=1e-14)
    assert int(state.fallbacks) == int(keep_descent)


def test_hessian_vector_products_are_the_hessian_s_columns(float64, problem):
    x = problem.start
    columns = [newton.hessian_vector_product(problem.fun, jnp.asarray(x), jnp.asarray(e)) for e in np.eye(len(x))]
    np.testing.assert_allclose(columns, problem.hessian(x), **SAME)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shift", [0.0, 3.0, 40.0])  # positive definite, indefinite, negative definite
def test_truncated_cg_is_the_textbook_s(float64, seed, shift):
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.normal(size=(7, 7)))
    h = axes @ np.diag(np.geomspace(0.1, 30, 7) - shift) @ axes.T
    g = rng.normal(size=7) * 10.0 ** -(seed % 3)
    for max_steps in (1, 3, 50):
        p, products, flat = truncated_cg(h, g, max_steps)
        ours = newton.truncated_cg(lambda v: jnp.asarray(h) @ v, jnp.asarray(g), max_steps)
        np.testing.assert_allclose(ours.solution, p, rtol=1e-8, atol=1e-10)
        assert bool(ours.negative_curvature) == flat
        assert int(ours.nhvp) == products
        assert p @ g > 0


def test_a_hundred_newton_cg_steps(float64, follow, problem):
    mine, state = follow(newton.newton_cg(RATE), problem, STEPS)
    points, products, flats = [problem.start], 0, 0
    for _ in range(STEPS):
        g, h = problem.gradient(points[-1]), problem.hessian(points[-1])
        p, k, flat = truncated_cg(h, g, 20 * len(g))
        points.append(points[-1] - RATE * p)
        products, flats = products + k, flats + flat
    np.testing.assert_allclose(mine, points, **SAME)
    counts = [int(leaf) for leaf in jax.tree.leaves(state)]
    assert {products, flats} <= set(counts)
