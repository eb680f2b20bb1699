"""One loop for all methods: SciPy's answers, honest counts, honest failures, many starts at once."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import optimize

from dlnotes.maths.test_functions import rosenbrock
from dlnotes.optim import newton, quasi_newton
from dlnotes.optim.minimize import CONVERGED, NO_DESCENT, NOT_FINITE, OUT_OF_STEPS, minimize

START = (-1.2, 1.0, 0.3)


def zoom():
    return optax.scale_by_zoom_linesearch(30, initial_guess_strategy="one")


def backtracking():
    return optax.scale_by_backtracking_linesearch(30, store_grad=True)


METHODS = {
    "descent": optax.chain(optax.scale(-1.0), zoom()),
    "momentum": optax.sgd(1e-3, 0.9),
    "Newton": newton.newton(linesearch=zoom()),
    "Newton, backtracking": newton.newton(linesearch=backtracking()),
    "Newton–CG": newton.newton_cg(linesearch=zoom()),
    "BFGS": quasi_newton.bfgs(linesearch=zoom()),
    "L-BFGS": optax.lbfgs(),
}


@pytest.mark.parametrize("name", METHODS)
def test_finds_the_minimum_and_counts_its_evaluations(float64, name):
    calls = []

    def counted(x):
        jax.debug.callback(lambda: calls.append(1))
        return rosenbrock(x)

    limits = {"tol": 1e-6, "max_iters": 20_000}
    end = jax.jit(lambda x: minimize(rosenbrock, x, METHODS[name], **limits))(jnp.asarray(START))
    want = optimize.minimize(optimize.rosen, START, jac=optimize.rosen_der, method="L-BFGS-B", tol=1e-12)
    assert end.status == CONVERGED
    assert end.success
    np.testing.assert_allclose(end.x, want.x, atol=1e-5)
    np.testing.assert_allclose(end.fun, rosenbrock(end.x), atol=1e-18)
    np.testing.assert_allclose(end.jac, jax.grad(rosenbrock)(end.x), atol=1e-12)
    assert jnp.linalg.norm(end.jac) <= 1e-6
    assert (end.nhev, end.nhvp > 0) == (end.nit if name.startswith("Newton,") or name == "Newton" else 0, "CG" in name)
    if name in ("descent", "L-BFGS", "momentum", "BFGS"):  # each value is one call, with its gradient
        jax.block_until_ready(jax.jit(lambda x: minimize(counted, x, METHODS[name], **limits))(jnp.asarray(START)))
        jax.effects_barrier()
        assert end.nfev == end.njev == len(calls)


def test_newton_takes_the_published_iterations(float64):
    end = minimize(rosenbrock, jnp.array([-1.2, 1.0]), METHODS["Newton"])
    assert end.nit == 21  # Nocedal & Wright, section 6.1


def test_the_trajectory_is_what_was_passed_and_stays_at_the_end(float64):
    def run(k):
        return minimize(rosenbrock, jnp.asarray(START), METHODS["BFGS"], max_iters=k, trace=60)

    whole = run(1000)
    for k in (0, 1, 7):
        assert whole.trajectory.fun[k] == run(k).fun
        assert whole.trajectory.residual[k] == jnp.linalg.norm(run(k).jac)
    end = int(whole.nit)
    assert 10 < end < 60
    np.testing.assert_array_equal(whole.trajectory.fun[end:], whole.fun)
    short = minimize(rosenbrock, jnp.asarray(START), METHODS["BFGS"], trace=5)
    np.testing.assert_array_equal(short.trajectory.fun, whole.trajectory.fun[:6])


def test_another_measure_of_convergence(float64):
    end = minimize(
        rosenbrock, jnp.ones(2) * 0.5, METHODS["BFGS"], residual=lambda x, fun, jac: fun, tol=1e-3, trace=100
    )
    assert end.fun <= 1e-3 < end.trajectory.fun[end.nit - 1]


def test_already_there(float64):
    end = minimize(rosenbrock, jnp.ones(3), METHODS["Newton"])
    assert (end.nit, end.nfev, end.status) == (0, 1, CONVERGED)


def wrong_gradient(x):
    """½‖x‖² whose gradient has the wrong sign."""
    value = 0.5 * jnp.sum(x**2)
    return 2 * jax.lax.stop_gradient(value) - value


@pytest.mark.parametrize(
    ("fun", "method", "status"),
    [
        (rosenbrock, optax.sgd(1e-6), OUT_OF_STEPS),
        (rosenbrock, optax.sgd(1.0), NOT_FINITE),
        (lambda x: jnp.sum(jnp.log(x)), optax.sgd(0.5), NOT_FINITE),
        (wrong_gradient, METHODS["descent"], NO_DESCENT),
        (wrong_gradient, optax.chain(optax.scale(-1.0), backtracking()), NO_DESCENT),
    ],
)
def test_failures_have_a_status(fun, method, status):
    end = jax.jit(lambda x: minimize(fun, x, method, max_iters=200))(jnp.array([0.7, 1.3]))
    assert end.status == status
    assert not end.success
    if status == OUT_OF_STEPS:
        assert end.nit == 200


def test_two_hundred_starts_in_one_call_equal_as_many_calls(float64):
    """Some stop at once, some out of steps, some diverge: each keeps its own point and its own counts."""
    starts = jax.random.normal(jax.random.key(0), (200, 2)).at[0].set(1.0).at[1].set(1e200)
    limits = jnp.arange(200) % 40 + 5

    def solve(x, limit):
        return minimize(rosenbrock, x, "bfgs", tol=1e-6, max_iters=limit)

    ends, alone = jax.jit(jax.vmap(solve))(starts, limits), jax.jit(solve)
    each = [alone(x, limit) for x, limit in zip(starts, limits, strict=True)]
    for name in ("status", "nit", "nfev", "njev"):
        np.testing.assert_array_equal(getattr(ends, name), [getattr(end, name) for end in each], name)
    np.testing.assert_allclose(ends.x, [end.x for end in each], rtol=1e-6)
    np.testing.assert_array_equal(ends.state[0].skipped, [end.state[0].skipped for end in each])
    assert set(ends.status.tolist()) == {CONVERGED, OUT_OF_STEPS, NOT_FINITE}
    assert (ends.nit[0], ends.nfev[0]) == (0, 1)


NAMES = {"BFGS": "BFGS", "L-BFGS": "L-BFGS-B", "CG": "CG", "Newton": "Newton-CG"}


@pytest.mark.parametrize("name", [*NAMES, "newton-cg", "gradient-descent"])
def test_methods_by_name(float64, name):
    end = jax.jit(lambda x: minimize(rosenbrock, x, name, max_iters=10_000))(jnp.asarray(START))
    scipys = {"jac": optimize.rosen_der, "hess": optimize.rosen_hess, "method": NAMES.get(name, "Newton-CG")}
    if scipys["method"] != "Newton-CG":
        del scipys["hess"]
    want = optimize.minimize(optimize.rosen, START, **scipys)
    assert end.status == CONVERGED
    np.testing.assert_allclose(end.x, want.x, atol=1e-4)
    if name != "gradient-descent":
        assert end.nit <= 2 * want.nit + 10


def test_an_unknown_method_is_named_with_its_neighbor():
    with pytest.raises(ValueError, match=r"'lbfgs' \(did you mean l-bfgs\?\); there are gradient-descent, cg, "):
        minimize(rosenbrock, jnp.ones(2), "lbfgs")
    with pytest.raises(TypeError, match=r"got 0\.1"):
        minimize(rosenbrock, jnp.ones(2), 0.1)


def test_points_are_kept_where_asked_for(float64):
    def fun(tree):
        return rosenbrock(jnp.concatenate([tree["a"], tree["b"]]))

    start = {"a": jnp.asarray(START[:1]), "b": jnp.asarray(START[1:])}
    end = jax.jit(lambda x: minimize(fun, x, "bfgs", trace=60, trace_points=True))(start)
    points = end.trajectory.x
    assert points["b"].shape == (61, 2)
    np.testing.assert_allclose(jax.vmap(fun)(points), end.trajectory.fun, rtol=1e-6, atol=1e-25)
    np.testing.assert_array_equal(points["a"][0], start["a"])
    np.testing.assert_array_equal(points["b"][end.nit :], jnp.broadcast_to(end.x["b"], (61 - int(end.nit), 2)))
    assert minimize(fun, start, "bfgs", max_iters=1, trace=60).trajectory.x is None


def test_numbers_may_be_traced_and_compile_once():
    @jax.jit
    def solve(rate, tol, max_iters):
        return minimize(lambda x: jnp.sum(x**2), jnp.ones(2), optax.sgd(rate), tol=tol, max_iters=max_iters).nit

    assert [int(solve(*numbers)) for numbers in ((0.25, 1e-3, 100), (0.25, 1e-3, 5), (0.5, 1e-3, 100))] == [12, 5, 1]
    assert solve._cache_size() == 1


def test_trees_and_single_precision():
    def fun(tree):
        return jnp.sum((tree["a"] - 1) ** 2) + jnp.sum(jnp.cosh(tree["b"]))

    start = {"a": jnp.zeros((2, 2)), "b": jnp.ones(3)}
    for method in METHODS.values():
        if method is not METHODS["momentum"]:
            end = minimize(fun, start, method, tol=1e-3)
            assert end.success
            assert jax.tree.map(lambda leaf: leaf.dtype, end.x) == {"a": jnp.float32, "b": jnp.float32}
            np.testing.assert_allclose(end.x["a"], 1, atol=1e-3)
            np.testing.assert_allclose(end.x["b"], 0, atol=1e-3)
