"""The step to the lowest point of the quadratic that fits along a direction."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.maths import quadratics
from dlnotes.maths.test_functions import double_well
from dlnotes.optim.line_search import scale_by_quadratic_step


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_step_is_the_notes_and_lowest_along_the_line(float64, dtype):
    matrix, _ = quadratics.random_quadratic(jax.random.key(0), 9.0, 4)
    matrix, x = matrix.astype(dtype), jnp.asarray([1.0, -2.0, 0.5, 3.0], dtype)

    def fun(x):
        return quadratics.quadratic(matrix, x)

    g, method = matrix @ x, scale_by_quadratic_step()
    updates, state = jax.jit(lambda p: method.update(p, method.init(x), x, grad=g, value_fn=fun))(-g)
    np.testing.assert_allclose(state.learning_rate, g @ g / (g @ matrix @ g), rtol=1e-5)  # dlbook (4.10)
    np.testing.assert_allclose(updates, -state.learning_rate * g, rtol=1e-5)
    assert updates.dtype == dtype
    assert (state.nhvp, state.negative_curvature) == (1, 0)
    lowest = fun(x + updates)
    assert all(fun(x + factor * updates) > lowest for factor in (0.9, 1.1))


def test_where_nothing_curves_up_the_direction_stays_and_is_counted():
    x, method = jnp.array([0.1, 0.0]), scale_by_quadratic_step()
    p = jnp.array([0.3, 0.0])
    updates, state = method.update(p, method.init(x), x, grad=-p, value_fn=double_well)
    np.testing.assert_array_equal(updates, p)
    assert state.negative_curvature == 1
    with pytest.raises(ValueError, match="grad=g, value_fn=fun"):
        method.update(p, state, x)
