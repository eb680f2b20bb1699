"""Functions with known minima and saddles to try an optimizer on."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float


def rosenbrock(x: Float[Array, " n"]) -> Float[Array, ""]:
    """Σᵢ 100(xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)²: a curved, flat valley; minimum 0 at (1, …, 1).

    The customary start in two dimensions is (−1.2, 1) (Nocedal & Wright). From n = 4 on there is also a local
    minimum on the side x₁ < 0: at (−0.776, 0.613, 0.382, 0.146) for n = 4.
    """
    return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def double_well(x: Float[Array, " n"]) -> Float[Array, ""]:
    """¼x₁⁴ − ½x₁² + ½Σᵢ₌₂ xᵢ²: minima −¼ at (±1, 0, …), between them a saddle 0 at the origin with one way down.

    Descent that starts with x₁ = 0 ends at the saddle. Newton's method ends there from all |x₁| < 1/√5: on x₁ its step
    is x → 2x³/(3x² − 1), and ±1/√5 change places.
    """
    return 0.25 * x[0] ** 4 - 0.5 * x[0] ** 2 + 0.5 * jnp.sum(x[1:] ** 2)


def monkey_saddle(x: Float[Array, "2"]) -> Float[Array, ""]:
    """x³ − 3xy²: a critical point at the origin whose Hessian is zero; three valleys fall without bound."""
    return x[0] ** 3 - 3.0 * x[0] * x[1] ** 2
