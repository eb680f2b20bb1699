"""Oracles of dlnotes.optim.minimize and switch: SciPy's minima, and the path of gradient descent in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import optimize

from dlnotes.optim import conjugate_gradient, minimize, newton, quasi_newton, switch

SAME = {"rtol": 1e-10, "atol": 1e-10}


def zoom():
    return optax.scale_by_zoom_linesearch(30, initial_guess_strategy="one")


def conjugate():
    return optax.chain(conjugate_gradient.scale_by_conjugate_gradient(), optax.scale(-1.0), zoom())


METHODS = {
    "newton": lambda: newton.newton(linesearch=zoom()),
    "newton_cg": lambda: newton.newton_cg(linesearch=zoom()),
    "bfgs": lambda: quasi_newton.bfgs(linesearch=zoom()),
    "conjugate": conjugate,
}


def scipy_minimum(problem):
    """SciPy's trust-exact with the Hessian by hand, then two Newton steps to the last digits."""
    found = optimize.minimize(
        problem.value, problem.start, jac=problem.gradient, hess=problem.hessian, method="trust-exact"
    ).x
    for _ in range(3):
        found = found - np.linalg.solve(problem.hessian(found), problem.gradient(found))
    return found


@pytest.mark.parametrize("name", METHODS)
def test_minima_are_scipy_s(float64, problem, name):
    result = minimize.minimize(problem.fun, jnp.asarray(problem.start), METHODS[name](), tol=1e-7, max_iters=500)
    assert bool(result.success)
    assert int(result.status) == minimize.CONVERGED
    expected = scipy_minimum(problem)
    # ‖x − x*‖ ≤ ‖g‖/μ, and no Hessian here has an eigenvalue μ below 0.05 at the minimum.
    assert np.linalg.eigvalsh(problem.hessian(expected)).min() > 0.05
    np.testing.assert_allclose(result.x, expected, atol=1e-7 / 0.05)
    np.testing.assert_allclose(result.fun, problem.value(np.asarray(result.x)), **SAME)
    np.testing.assert_allclose(result.jac, problem.gradient(np.asarray(result.x)), atol=1e-10)
    assert np.linalg.norm(problem.gradient(np.asarray(result.x))) <= 1e-7


@pytest.mark.parametrize("problem", ["valley", "logistic"], indirect=True)
def test_bfgs_takes_about_as_many_steps_as_scipy_s(float64, problem):
    ours = minimize.minimize(problem.fun, jnp.asarray(problem.start), METHODS["bfgs"](), tol=1e-6)
    theirs = optimize.minimize(
        problem.value, problem.start, jac=problem.gradient, method="BFGS", options={"gtol": 1e-6}
    )
    # The same update but another line search: as many steps to a factor of two.
    assert theirs.nit / 2 <= int(ours.nit) <= 2 * theirs.nit


def descent(problem, rate, steps):
    """cs182 3.1 Algorithm 1."""
    points = [problem.start]
    for _ in range(steps):
        points.append(points[-1] - rate * problem.gradient(points[-1]))
    return points


def test_gradient_descent_is_followed_until_the_gradient_is_small(float64, problem):
    rate, tol, trace = 1e-3, 0.8 * np.linalg.norm(problem.gradient(problem.start)), 40
    points = descent(problem, rate, 3000)
    norms = np.array([np.linalg.norm(problem.gradient(x)) for x in points])
    last = int(np.argmax(norms <= tol))
    result = minimize.minimize(
        problem.fun, jnp.asarray(problem.start), optax.sgd(rate), tol=tol, max_iters=3000, trace=trace
    )
    assert (int(result.nit), int(result.status)) == (last, minimize.CONVERGED)
    np.testing.assert_allclose(result.x, points[last], **SAME)
    shown = [min(k, last) for k in range(len(result.trajectory.fun))]
    assert len(shown) == trace + 1
    np.testing.assert_allclose(result.trajectory.fun, [problem.value(points[k]) for k in shown], **SAME)
    np.testing.assert_allclose(result.trajectory.residual, norms[shown], **SAME)


def test_the_steps_are_spent(float64, problem):
    result = minimize.minimize(problem.fun, jnp.asarray(problem.start), optax.sgd(1e-4), tol=1e-12, max_iters=17)
    assert (int(result.nit), int(result.status), bool(result.success)) == (17, minimize.OUT_OF_STEPS, False)
    np.testing.assert_allclose(result.x, descent(problem, 1e-4, 17)[-1], **SAME)
    assert int(result.nhev) == int(result.nhvp) == 0


def test_another_residual(float64, problem):
    rate, points = 1e-3, descent(problem, 1e-3, 1000)
    largest = np.array([np.abs(problem.gradient(x)).max() for x in points])
    tol = 0.9 * largest[0]
    result = minimize.minimize(
        problem.fun,
        jnp.asarray(problem.start),
        optax.sgd(rate),
        tol=tol,
        residual=lambda x, fun, jac: jnp.abs(jac).max(),
    )
    assert int(result.nit) == int(np.argmax(largest <= tol))


def test_divergence_and_a_search_without_descent_are_told_apart(float64):
    away = minimize.minimize(lambda x: (x**4).sum(), jnp.ones(2), optax.sgd(10.0), max_iters=100)
    assert (int(away.status), bool(away.success)) == (minimize.NOT_FINITE, False)
    uphill = optax.chain(optax.scale(1.0), optax.scale_by_backtracking_linesearch(10))
    stuck = minimize.minimize(lambda x: (x**2).sum(), jnp.ones(2), uphill, max_iters=100)
    assert (int(stuck.status), bool(stuck.success)) == (minimize.NO_DESCENT, False)
    np.testing.assert_allclose(stuck.x, np.ones(2), rtol=1e-12)  # it stays where it was
    np.testing.assert_allclose(stuck.fun, 2.0, rtol=1e-12)


def test_newton_counts_its_hessians(float64, problem):
    result = minimize.minimize(problem.fun, jnp.asarray(problem.start), METHODS["newton"](), tol=1e-7)
    assert int(result.nhev) == int(result.nit)
    assert int(result.nfev) >= int(result.nit) + 1


@pytest.mark.parametrize("problem", ["valley"], indirect=True)
def test_vmapped_members_end_where_they_end_alone(float64, problem):
    starts = problem.start + np.random.default_rng(0).normal(size=(3, len(problem.start))) * 0.1

    def run(x):
        return minimize.minimize(problem.fun, x, METHODS["newton"](), tol=1e-7)

    together = jax.jit(jax.vmap(run))(jnp.asarray(starts))
    for i, start in enumerate(starts):
        moved = problem._replace(start=start)
        np.testing.assert_allclose(together.x[i], scipy_minimum(moved), atol=1e-6)
        alone = jax.jit(run)(jnp.asarray(start))
        assert int(alone.nit) == int(together.nit[i])


@pytest.mark.parametrize("index", [0, 1])
def test_switch_runs_the_method_of_its_index(float64, follow, problem, index):
    methods = [optax.sgd(1e-3), optax.sgd(5e-4)]
    mine, _ = follow(switch.switch(jnp.asarray(index), methods), problem, 50)
    np.testing.assert_allclose(mine, descent(problem, (1e-3, 5e-4)[index], 50), **SAME)


def test_gradient_norm_is_taken_over_all_leaves(float64):
    leaves = np.random.default_rng(1).normal(size=(2, 3))
    tree = {"a": jnp.asarray(leaves[0]), "b": [jnp.asarray(leaves[1])]}
    expected = np.sqrt((leaves**2).sum())
    np.testing.assert_allclose(minimize.gradient_norm(tree, jnp.asarray(0.0), tree), expected, rtol=1e-14)
