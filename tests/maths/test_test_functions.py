"""Test functions against SciPy's, and at their critical points."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from dlnotes.maths.test_functions import double_well, monkey_saddle, rosenbrock

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
    assert jnp.linalg.norm(jax.grad(rosenbrock)(x)) < 1e-7
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
