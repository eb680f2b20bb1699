"""Quadratics of a given spectrum, and the exact laws of descent and the heavy ball on them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.maths import quadratics

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize("condition", [1.0, 30.0, 1e6])
def test_spectrum_is_as_asked(condition):
    matrix, axes = quadratics.random_quadratic(jax.random.key(0), condition, 8)
    eigenvalues = np.geomspace(1, condition, 8)
    np.testing.assert_allclose(np.linalg.eigvalsh(matrix), eigenvalues, rtol=1e-8)
    np.testing.assert_allclose(matrix @ axes, axes * eigenvalues[None], atol=1e-9 * condition)
    np.testing.assert_allclose(axes.T @ axes, np.eye(8), atol=1e-12)


def test_rotations_differ_by_key_and_condition_may_be_traced():
    one = jax.jit(lambda key, condition: quadratics.random_quadratic(key, condition, 4)[0])
    first, second = (one(jax.random.key(seed), 10.0) for seed in (0, 1))
    assert np.abs(first - second).max() > 0.1


def test_gradient_and_hessian():
    matrix, _ = quadratics.random_quadratic(jax.random.key(0), 50.0, 5)
    x = jnp.arange(1.0, 6.0)
    np.testing.assert_allclose(
        quadratics.quadratic(matrix, x), 0.5 * np.asarray(x) @ np.asarray(matrix) @ np.asarray(x)
    )
    np.testing.assert_allclose(jax.grad(quadratics.quadratic, argnums=1)(matrix, x), matrix @ x, rtol=1e-12)
    np.testing.assert_allclose(jax.hessian(quadratics.quadratic, argnums=1)(matrix, x), matrix, rtol=1e-12)


def errors(smallest, largest, steps, k):
    """Errors of v ← g + βv, x ← x − εv along both ends of the spectrum from (1, 1): NumPy, [k + 1, 2]."""
    curvature, x, v = np.array([smallest, largest]), np.ones(2), np.zeros(2)
    rate, momentum = float(steps.learning_rate), float(steps.momentum)
    path = [x]
    for _ in range(k):
        v = curvature * x + momentum * v
        x = x - rate * v
        path.append(x)
    return np.array(path)


@pytest.mark.parametrize(("smallest", "largest"), [(1.0, 10.0), (0.5, 0.5), (2.0, 2e4)])
def test_descent_contracts_both_ends_by_the_law_and_no_rate_does_better(smallest, largest):
    best = quadratics.descent_steps(smallest, largest)
    law = float(quadratics.descent_contraction(largest / smallest))
    path = errors(smallest, largest, best, 20)
    np.testing.assert_allclose(np.abs(path), law ** np.arange(21)[:, None] * np.ones((1, 2)), rtol=1e-9, atol=1e-12)
    for factor in (0.9, 1.1):
        other = best._replace(learning_rate=factor * best.learning_rate)
        assert np.abs(errors(smallest, largest, other, 1)[1]).max() > law


@pytest.mark.parametrize("condition", [4.0, 100.0, 1e4])
def test_heavy_ball_from_rest_follows_its_exact_law(condition):
    r = float(quadratics.heavy_ball_contraction(condition))
    k = np.arange(60)
    path = errors(1.0, condition, quadratics.heavy_ball_steps(1.0, condition), 59)
    np.testing.assert_allclose(path[:, 0], (1 + k * (1 - r)) * r**k, rtol=1e-6)
    np.testing.assert_allclose(path[:, 1], (1 + k * (1 + r)) * (-r) ** k, rtol=1e-6)
    np.testing.assert_allclose(r, (np.sqrt(condition) - 1) / (np.sqrt(condition) + 1))


def test_nesterov_constants():
    steps = quadratics.nesterov_steps(0.1, 10.0)
    np.testing.assert_allclose(steps.learning_rate, 0.1)
    np.testing.assert_allclose(steps.momentum, 9 / 11)


def test_one_dimension_has_no_condition_number():
    with pytest.raises(ValueError, match="two eigenvalues, got n=1"):
        quadratics.log_spectrum(10.0, 1)


def path(step, momentum, nesterov, k, first=1.0):
    """x₀ … xₖ along an axis of curvature 1 at the rate `step`, from rest: the notes' two lines in NumPy."""
    x, v, xs = first, 0.0, [first]
    for _ in range(k):
        v = momentum * v - step * (x + nesterov * momentum * v)
        x = x + v
        xs.append(x)
    return np.array(xs)


@pytest.mark.parametrize("nesterov", [0.0, 1.0])
@pytest.mark.parametrize(("step", "momentum"), [(0.3, 0.9), (0.001, 0.5), (1.2, 0.0), (1.3, 0.6), (0.5, 0.99)])
def test_roots_give_the_whole_path(step, momentum, nesterov):
    first, second = np.asarray(quadratics.momentum_roots(step, momentum, nesterov))
    xs = path(step, momentum, nesterov, 40)
    share = (xs[1] - second) / (first - second)
    k = np.arange(41)
    np.testing.assert_allclose((share * first**k + (1 - share) * second**k).real, xs, rtol=1e-9, atol=1e-12)
    assert abs(first) >= abs(second)


def test_best_constants_shrink_both_ends_alike_and_none_beside_them_do_better():
    for steps, law in (
        (quadratics.heavy_ball_steps, lambda k: 1 - 2 / (np.sqrt(k) + 1)),
        (quadratics.nesterov_quadratic_steps, lambda k: 1 - 2 / np.sqrt(3 * k + 1)),
    ):
        ahead = steps is quadratics.nesterov_quadratic_steps
        rate, momentum = (float(number) for number in steps(0.5, 50.0))

        def worst(rate, momentum, ahead=ahead):
            curvatures = np.linspace(0.5, 50.0, 50)
            return np.abs(quadratics.momentum_roots(rate * curvatures, np.full(50, momentum), float(ahead))[0]).max()

        np.testing.assert_allclose(worst(rate, momentum), law(100.0), rtol=1e-7)
        others = [(0.97 * rate, momentum), (1.03 * rate, momentum), (rate, momentum - 0.02), (rate, momentum + 0.02)]
        assert min(worst(*other) for other in others) > law(100.0) + 1e-4


def test_roots_at_traced_numbers_equal_those_at_fixed_ones():
    steps, momenta = jnp.array([0.1, 0.5, 1.5]), jnp.array([0.0, 0.9, 0.2])
    together = jax.jit(quadratics.momentum_roots)(steps, momenta, jnp.array([0.0, 1.0, 0.0]))
    alone = [quadratics.momentum_roots(s, m, n) for s, m, n in zip(steps, momenta, (0.0, 1.0, 0.0), strict=True)]
    np.testing.assert_allclose(together, np.stack(alone, axis=1), rtol=1e-12)


@pytest.mark.parametrize(("step", "momentum"), [(0.1, 0.0), (0.01, 0.9), (1.9, 0.9), (0.5, 0.5)])
def test_noise_solves_the_equation_of_the_stationary_covariance(step, momentum):
    advance = np.array([[1 + momentum - step, -momentum], [1.0, 0.0]])
    noise = np.array([[1.0, 0.0], [0.0, 0.0]])
    covariance = np.linalg.solve(np.eye(4) - np.kron(advance, advance), noise.ravel()).reshape(2, 2)
    np.testing.assert_allclose(quadratics.momentum_noise(step, momentum), covariance[0, 0], rtol=1e-10)


def test_noise_is_without_bound_where_the_method_does_not_settle():
    assert np.isinf(quadratics.momentum_noise(jnp.array([3.8, 4.0, 0.1]), jnp.array([0.9, 0.9, 1.0]))).all()
    slope = jax.grad(lambda s: jnp.where(s < 3.8, quadratics.momentum_noise(s, 0.9), 0.0))(3.9)
    assert np.isfinite(slope)


def test_kinked_is_smooth_and_traps_the_heavy_ball():
    grid = jnp.array([0.5, 1.0, 1.5, 2.0, 3.0])
    np.testing.assert_allclose(jax.vmap(jax.grad(quadratics.kinked))(grid), [12.5, 25, 25.5, 26, 51], rtol=1e-12)
    rise = (quadratics.kinked(2.0 + 1e-9) - quadratics.kinked(2.0 - 1e-9), quadratics.kinked(1.0 + 1e-9) - 12.5)
    np.testing.assert_allclose(rise, 0, atol=1e-6)
    rate, momentum = (float(number) for number in quadratics.heavy_ball_steps(1.0, 25.0))
    np.testing.assert_allclose([rate, momentum], [1 / 9, 4 / 9])
    cycle = np.array([792, -2208, 2592]) / 1225
    for before, now, after in (cycle, np.roll(cycle, -1), np.roll(cycle, -2)):
        slope = float(jax.grad(quadratics.kinked)(now))
        np.testing.assert_allclose(now - rate * slope + momentum * (now - before), after, rtol=1e-12)


def test_two_wells_meet_on_the_ridge():
    barrier, drop = 0.4, 0.3
    bottom = barrier + np.sqrt(barrier**2 + 2 * drop)
    heights = [quadratics.two_wells(x, barrier, drop) for x in (0.0, barrier, bottom)]
    np.testing.assert_allclose(heights, [0, 0.5 * barrier**2, -drop], atol=1e-12)
    slopes = [jax.grad(quadratics.two_wells)(x, barrier, drop) for x in (barrier - 1e-6, barrier + 1e-6)]
    np.testing.assert_allclose(slopes, [barrier, barrier - bottom], rtol=1e-4)
