"""Test functions against SciPy's, and at their critical points."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from dlnotes.maths.test_functions import ackley, beale, cliff, double_well, monkey_saddle, rastrigin, rosenbrock

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize("n", [2, 3, 7])
def test_rosenbrock_is_scipys(n):
    x = np.random.default_rng(n).normal(size=n)
    np.testing.assert_allclose(rosenbrock(jnp.asarray(x)), optimize.rosen(x))
    np.testing.assert_allclose(jax.grad(rosenbrock)(jnp.asarray(x)), optimize.rosen_der(x))
    np.testing.assert_allclose(jax.hessian(rosenbrock)(jnp.asarray(x)), optimize.rosen_hess(x), atol=1e-10)


def test_rosenbrock_has_another_minimum_in_four_dimensions():
    found = optimize.minimize(optimize.rosen, [-1.0, 1, 1, 1], jac=optimize.rosen_der, options={"gtol": 1e-8})
    x = jnp.asarray(found.x)
    assert x[0] < -0.7
    assert jnp.linalg.norm(jax.grad(rosenbrock)(x)) < 1e-6  # SciPy stops where rounding stops it
    assert jnp.linalg.eigvalsh(jax.hessian(rosenbrock)(x))[0] > 0


@pytest.mark.parametrize(("x", "value", "lowest"), [((0, 0, 0), 0, -1), ((1, 0, 0), -0.25, 1), ((-1, 0, 0), -0.25, 1)])
def test_double_well(x, value, lowest):
    x = jnp.asarray(x, float)
    assert double_well(x) == value
    np.testing.assert_array_equal(jax.grad(double_well)(x), 0)
    assert jnp.linalg.eigvalsh(jax.hessian(double_well)(x))[0] == lowest


def test_newtons_basin_of_the_saddle_is_one_over_root_five():
    x = np.linspace(0, 1, 10_001)
    for _ in range(200):
        x = np.where(np.abs(x) < 1e6, 2 * x**3 / (3 * x**2 - 1), x)
    start = np.linspace(0, 1, 10_001)
    np.testing.assert_array_equal(np.abs(x) < 1e-6, start < 5**-0.5)


def test_monkey_saddle_is_flat_at_the_origin():
    origin = jnp.zeros(2)
    np.testing.assert_array_equal(jax.grad(monkey_saddle)(origin), 0)
    np.testing.assert_array_equal(jax.hessian(monkey_saddle)(origin), 0)
    angle = jnp.arange(3) * 2 * np.pi / 3 + np.pi  # three ways down
    values = jax.vmap(monkey_saddle)(0.1 * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1))
    np.testing.assert_allclose(values, -1e-3, rtol=1e-9)


def critical(fun, x):
    """f, length of the gradient and eigenvalues of the Hessian at x."""
    x = jnp.asarray(x, float)
    return fun(x), jnp.linalg.norm(jax.grad(fun)(x)), jnp.linalg.eigvalsh(jax.hessian(fun)(x))


def test_beale_has_one_minimum_two_saddles_and_a_valley_without_end():
    value, slope, curvature = critical(beale, (3, 0.5))
    assert value == slope == 0
    assert curvature[0] > 0
    for x, height in (((0, 1), 14.203125), ((0.1005, -2.6445), None)):
        value, slope, curvature = critical(beale, x)
        assert slope < 0.05
        assert curvature[0] < 0 < curvature[1]
        assert height in (None, value)
    x, y = 1.3, -0.7
    want = (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2
    np.testing.assert_allclose(beale(jnp.array([x, y])), want, rtol=1e-12)

    def lowest(x):
        end = optimize.minimize_scalar(lambda y: float(beale(jnp.array([x, y]))), bounds=(0.9, 1.1), method="bounded")
        return end.fun

    assert lowest(-10.0) > lowest(-1e3) > 0.452


def test_rastrigin_and_ackley_are_the_printed_formulas():
    x = np.random.default_rng(0).uniform(-4, 4, 5)
    want = 50 + (x**2 - 10 * np.cos(2 * np.pi * x)).sum()
    np.testing.assert_allclose(rastrigin(jnp.asarray(x)), want, rtol=1e-12)
    want = -20 * np.exp(-0.2 * np.sqrt((x**2).mean())) - np.exp(np.cos(2 * np.pi * x).mean()) + 20 + np.e
    np.testing.assert_allclose(ackley(jnp.asarray(x)), want, rtol=1e-12)
    value, slope, curvature = critical(rastrigin, (0, 0, 0))
    assert value == slope == 0
    np.testing.assert_allclose(curvature, 2 + 40 * np.pi**2)


def test_rastrigin_has_eleven_minima_in_each_coordinate():
    slope = jax.vmap(jax.grad(lambda t: rastrigin(t[None])))(jnp.linspace(-5.12, 5.12, 20_002))
    assert jnp.sum((slope[:-1] < 0) & (slope[1:] > 0)) == 11
    assert jnp.sum((slope[:-1] > 0) & (slope[1:] < 0)) == 10


def test_ackley_has_a_tip_where_the_gradient_is_given_as_zero():
    np.testing.assert_allclose(ackley(jnp.zeros(3)), 0, atol=1e-14)
    np.testing.assert_array_equal(jax.grad(ackley)(jnp.zeros(3)), 0)
    near = jnp.array([1e-9, 0, 0])
    assert jnp.linalg.norm(jax.grad(ackley)(near)) > 1


def test_the_cliff_stands_where_it_is_said_to_and_grows_like_the_product_of_the_weights():
    sigma = 1 / (1 + np.exp(-0.5))

    def slope(w, beside=0.0, steps=50):
        return jnp.linalg.norm(jax.grad(lambda x: cliff(x, steps))(jnp.array([w, 0.5 - w * sigma + beside])))

    np.testing.assert_allclose(slope(5.0), 780, rtol=0.01)
    assert max(slope(5.0, -0.5), slope(5.0, 0.5)) < 0.2
    growth = slope(6.0, steps=40) / slope(6.0, steps=30)
    np.testing.assert_allclose(growth, (6 * sigma * (1 - sigma)) ** 10, rtol=0.01)
    drop = cliff(jnp.array([5.0, 0.45 - 5 * sigma])) - cliff(jnp.array([5.0, 0.55 - 5 * sigma]))
    np.testing.assert_allclose(drop, 0.335, atol=0.01)
    h = 0.5
    for _ in range(50):
        h = 4.0 / (1 + np.exp(-h)) - 1.0
    np.testing.assert_allclose(cliff(jnp.array([4.0, -1.0])), (1 / (1 + np.exp(-h)) - 0.7) ** 2, rtol=1e-12)
