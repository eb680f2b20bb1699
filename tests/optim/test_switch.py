"""A method chosen by a traced index is that method."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlnotes.maths.test_functions import rosenbrock
from dlnotes.optim.minimize import minimize
from dlnotes.optim.newton import scale_by_newton
from dlnotes.optim.quasi_newton import scale_by_bfgs
from dlnotes.optim.switch import switch

METHODS = (optax.identity(), scale_by_bfgs(), scale_by_newton(keep_descent=True), optax.scale_by_lbfgs())


def searched(direction):
    search = optax.scale_by_zoom_linesearch(30, initial_guess_strategy="one")
    return optax.chain(direction, optax.scale(-1.0), search)


@pytest.mark.parametrize("over", [jax.lax.map, lambda f, xs: jax.vmap(f)(xs)])
def test_each_index_is_that_method(float64, over):
    x = jnp.array([-1.2, 1.0])

    def steps(method):
        end = minimize(rosenbrock, x, searched(method), max_iters=60)
        return end.nit, end.fun, end.nhev

    together = jax.jit(lambda: over(lambda i: steps(switch(i, METHODS)), jnp.arange(4)))()
    alone = [jax.jit(lambda method=method: steps(method))() for method in METHODS]
    for got, want in zip(together, zip(*alone, strict=True), strict=True):
        np.testing.assert_allclose(got, jnp.stack(want), rtol=1e-6, atol=1e-12)


def test_only_the_chosen_state_moves():
    method, g = switch(1, (optax.trace(0.9), optax.trace(0.5))), jnp.ones(2)
    updates, state = method.update(g, method.init(g))
    updates, state = method.update(g, state)
    np.testing.assert_allclose(updates, 1.5)
    np.testing.assert_array_equal(state[0].trace, 0)
    np.testing.assert_allclose(state[1].trace, 1.5)
