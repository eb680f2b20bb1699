"""Oracles of dlnotes.optim.quasi_newton, conjugate_gradient and line_search, by the equations of ee147 and dlbook."""

import itertools

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlnotes.optim import conjugate_gradient, line_search, quasi_newton

STEPS, RATE = 100, 0.1
SAME = {"rtol": 1e-10, "atol": 1e-10}
RNG = np.random.default_rng(12)
EPSILON = np.finfo(float).eps


def printed_bfgs(inverse, s, y):
    """ee147 first vs second order: (I − syᵀ/yᵀs) H⁻¹ (I − ysᵀ/yᵀs) + ssᵀ/yᵀs."""
    identity, rho = np.eye(len(s)), 1 / (y @ s)
    return (identity - rho * np.outer(s, y)) @ inverse @ (identity - rho * np.outer(y, s)) + rho * np.outer(s, s)


def printed_path(problem, scaled, given=None):
    """θ ← θ − ε Ĥ⁻¹g with s = θ_k − θ_(k−1), y = g_k − g_(k−1); the first direction g/max(1, ‖g‖).

    With `given` points each step starts from the given one: for a path that doubles rounding errors.
    """
    points, g = [problem.start], problem.gradient(problem.start)
    inverse, skipped, seen = np.eye(len(g)), 0, False
    points.append(problem.start - RATE * g / max(1.0, np.linalg.norm(g)))
    for k in range(1, STEPS):
        last, x = (points if given is None else given)[k - 1 : k + 1]
        before, g = g, problem.gradient(x)
        s, y = x - last, g - before
        if y @ s > EPSILON * y @ y:
            if scaled and not seen:
                inverse = np.eye(len(g)) * (y @ s) / (y @ y)
            inverse, seen = printed_bfgs(inverse, s, y), True
        else:
            skipped += 1
        points.append(x - RATE * inverse @ g)
    return np.array(points), skipped


@pytest.mark.parametrize("seed", range(5))
def test_bfgs_update_is_as_printed(float64, seed):
    rng = np.random.default_rng(seed)
    root, s, y = rng.normal(size=(5, 5)), rng.normal(size=5), rng.normal(size=5)
    inverse = root @ root.T + np.eye(5)
    y = y if seed < 2 else y * np.sign(y @ s)  # also where the curvature is negative
    ours = np.asarray(quasi_newton.bfgs_update(*map(jnp.asarray, (inverse, s, y))))
    expected = printed_bfgs(inverse, s, y)
    np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-12 * np.abs(expected).max())
    np.testing.assert_allclose(ours @ y, s, rtol=1e-8, atol=1e-10)
    assert (np.linalg.eigvalsh(ours).min() > 0) == (y @ s > 0)


@pytest.mark.parametrize("scaled", [False, True])
def test_a_hundred_bfgs_steps_are_the_printed_ones(float64, follow, problem, scaled):
    mine, state = follow(quasi_newton.bfgs(RATE, scale_init_precond=scaled), problem, STEPS)
    theirs, skipped = printed_path(problem, scaled, given=mine)
    np.testing.assert_allclose(mine, theirs, **SAME)
    assert int(next(part for part in state if hasattr(part, "skipped")).skipped) == skipped
    if not wanders(problem):
        np.testing.assert_allclose(mine, printed_path(problem, scaled)[0], **SAME)


def wanders(problem):
    """Whether fixed steps of `RATE` follow so crooked a path that rounding errors grow past 1e-10 on it."""
    nudged = problem._replace(start=problem.start * (1 + 1e-15))
    return np.abs(printed_path(problem, False)[0] - printed_path(nudged, False)[0]).max() > 1e-11


def exact_steps(problem, next_direction, given=None):
    """Steps ε* = −gᵀp/pᵀHp along p, dlbook (4.10) for p = −g; p itself where pᵀHp ≤ 0.

    With `given` points each step starts from the given one: for paths that diverge or double every rounding error.
    """
    points, before, d, flat = [problem.start], None, None, 0
    for k in range(STEPS):
        x = points[k] if given is None else given[k]
        g, h = problem.gradient(x), problem.hessian(x)
        d = next_direction(g, before, d)
        curvature, before = d @ h @ d, g
        flat += curvature <= 0
        length = (g @ d) / curvature if curvature > 0 else 1.0
        points.append(x - length * d)
    return np.array(points), flat


def conjugate(beta, restarts):
    """d_k = g_k + β d_(k−1), and g_k where that does not descend, which is noted in `restarts`."""

    def direction(g, before, d):
        if before is None or before @ before == 0:
            return g
        candidate = g + beta(g, before) * d
        if candidate @ g > 0:
            return candidate
        restarts.append(g)
        return g

    return direction


BETAS = {
    "fletcher_reeves": lambda g, before: g @ g / (before @ before),
    "polak_ribiere": lambda g, before: max(0.0, g @ (g - before) / (before @ before)),
}


def test_steepest_descent_by_dlbook_4_10(float64, follow, problem):
    method = optax.chain(optax.scale(-1.0), line_search.scale_by_quadratic_step())
    mine, state = follow(method, problem, STEPS)
    theirs, flat = exact_steps(problem, lambda g, before, d: g)
    np.testing.assert_allclose(mine, theirs, **SAME)
    assert (int(state[-1].nhvp), int(state[-1].negative_curvature)) == (STEPS, flat)


@pytest.mark.parametrize("name", BETAS)
def test_conjugate_gradients(float64, follow, problem, name):
    beta = getattr(conjugate_gradient, name)
    method = optax.chain(
        conjugate_gradient.scale_by_conjugate_gradient(beta),
        optax.scale(-1.0),
        line_search.scale_by_quadratic_step(),
    )
    mine, state = follow(method, problem, STEPS)
    restarts = []
    theirs, flat = exact_steps(problem, conjugate(BETAS[name], restarts), given=mine)
    np.testing.assert_allclose(mine, theirs, **SAME)
    if np.linalg.norm(problem.gradient(mine[-1])) > 1e-8:  # at the minimum the counts hang on rounding
        assert (int(state[0].restarts), int(state[-1].negative_curvature)) == (len(restarts), flat)
    if name == "polak_ribiere":  # Fletcher and Reeves' path wanders on two of the problems, and rounding with it
        np.testing.assert_allclose(mine, exact_steps(problem, conjugate(BETAS[name], []))[0], **SAME)


@pytest.mark.parametrize("problem", ["quadratic"], indirect=True)
@pytest.mark.parametrize("name", BETAS)
def test_directions_are_conjugate_on_a_quadratic(float64, follow, problem, name):
    """ee147: conjugate with respect to H; the directions are, and n of them suffice.

    The printed g_kᵀHg_(k−1) = 0 does not hold: it is −‖g_k‖²/ε.
    """
    n, h = len(problem.start), problem.hessian(problem.start)
    beta = getattr(conjugate_gradient, name)
    method = optax.chain(
        conjugate_gradient.scale_by_conjugate_gradient(beta), optax.scale(-1.0), line_search.scale_by_quadratic_step()
    )
    mine, _ = follow(method, problem, n)
    steps = np.diff(mine, axis=0)
    gram = steps @ h @ steps.T
    scale = np.sqrt(np.outer(np.diag(gram), np.diag(gram)))
    np.testing.assert_allclose(gram / scale, np.eye(n), atol=1e-8)
    np.testing.assert_allclose(problem.gradient(mine[-1]), 0, atol=1e-10)
    first, second = problem.gradient(mine[0]), problem.gradient(mine[1])
    length = np.linalg.norm(steps[0]) / np.linalg.norm(first)
    np.testing.assert_allclose(second @ h @ first, -(second @ second) / length, rtol=1e-10)


@pytest.mark.parametrize("name", BETAS)
def test_betas(float64, name):
    for _ in range(5):
        g, before = RNG.normal(size=(2, 6))
        ours = getattr(conjugate_gradient, name)({"a": jnp.asarray(g)}, {"a": jnp.asarray(before)})
        np.testing.assert_allclose(ours, BETAS[name](g, before), rtol=1e-13)


def test_accepted_steps_meet_wolfe_s_conditions(float64, follow, problem):
    """f(x + s) ≤ f(x) + c₁ gᵀs and |g₊ᵀs| ≤ c₂ |gᵀs|, with optax's defaults c₁ = 1e-4, c₂ = 0.9."""
    search = optax.scale_by_zoom_linesearch(30, initial_guess_strategy="one")
    points, _ = follow(quasi_newton.bfgs(linesearch=search), problem, 60)
    checked = 0
    for x, after in itertools.pairwise(points):
        g, s = problem.gradient(x), after - x
        if np.linalg.norm(g) < 1e-5:
            break  # differences of f drown in rounding from here on
        checked += 1
        assert problem.value(after) <= problem.value(x) + 1e-4 * g @ s
        assert abs(problem.gradient(after) @ s) <= 0.9 * abs(g @ s) * (1 + 1e-12)
    assert checked >= 5
    assert np.linalg.norm(problem.gradient(points[-1])) < 1e-4
