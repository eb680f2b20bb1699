"""Legendre polynomials against NumPy's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlnotes.maths import polynomials


@pytest.mark.parametrize("degree", [0, 1, 2, 12])
def test_they_are_numpys(float64, degree):
    x = np.linspace(-1.2, 1.2, 14).reshape(2, 7)
    mine = jax.jit(polynomials.legendre, static_argnums=1)(jnp.asarray(x), degree)
    np.testing.assert_allclose(mine, np.polynomial.legendre.legvander(x, degree), rtol=1e-10, atol=1e-12)


def test_dtype_stays_and_degrees_below_zero_are_refused():
    assert polynomials.legendre(jnp.ones(3, jnp.float32), 4).dtype == jnp.float32
    with pytest.raises(ValueError, match="got -1"):
        polynomials.legendre(jnp.ones(3), -1)
