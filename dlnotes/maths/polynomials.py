"""Legendre polynomials: features for fitting polynomials that stay well conditioned at any degree."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float


def legendre(x: Float[Array, " *shape"], degree: int) -> Float[Array, "*shape degree+1"]:
    """P₀(x) … P_degree(x), orthogonal over −1 … 1: (j + 1)Pⱼ₊₁ = (2j + 1)x·Pⱼ − j·Pⱼ₋₁, mean square 1/(2j + 1) there.

    They span the same polynomials as 1, x, x² …, whose columns grow alike: at degree 10 the condition number of those
    is in the thousands. Outside −1 … 1 they grow like 2ʲxʲ. Raises ValueError for a degree below 0.
    """
    if degree < 0:
        raise ValueError(f"a degree is 0 or more, got {degree}")
    columns = [jnp.ones_like(x), x]
    for j in range(1, degree):
        columns.append(((2 * j + 1) * x * columns[j] - j * columns[j - 1]) / (j + 1))
    return jnp.stack(columns[: degree + 1], axis=-1)
