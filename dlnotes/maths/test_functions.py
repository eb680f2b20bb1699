"""Functions with known minima, saddles and cliffs to try an optimizer on."""

import jax
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


def beale(x: Float[Array, "2"]) -> Float[Array, ""]:
    """(1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²: minimum 0 at (3, ½), a saddle 14.2 at (0, 1).

    Searched on ±4.5; there is another saddle at (0.100, −2.645). The trap: a valley along y = 1 falls towards 0.452 as
    x → −∞, and descent from much of the left half never ends. Corners rise like y⁶: a rate good elsewhere diverges.
    """
    powers = x[1] ** jnp.arange(1, 4)
    return jnp.sum((jnp.array([1.5, 2.25, 2.625], x.dtype) - x[0] + x[0] * powers) ** 2)


def rastrigin(x: Float[Array, " n"]) -> Float[Array, ""]:
    """10n + Σᵢ (xᵢ² − 10 cos 2πxᵢ): a bowl with a minimum near every point of whole numbers; the lowest is 0 at 0.

    Searched on ±5.12, where each coordinate has 11 minima and 10 maxima: of 21ⁿ critical points 11ⁿ are minima. Their
    heights are about the sums of whole squares: 1 at the neighbors of the lowest.
    """
    return 10.0 * x.size + jnp.sum(x**2 - 10.0 * jnp.cos(2.0 * jnp.pi * x))


def ackley(x: Float[Array, " n"]) -> Float[Array, ""]:
    """20 + e − 20 exp(−⅕√(Σxᵢ²/n)) − exp(Σ cos(2πxᵢ)/n): a nearly flat plain of small pits around a funnel; 0 at 0.

    Searched on ±32. The trap: the minimum is the tip of a cone, where no gradient exists; 0 is given there. So no
    gradient near it is small, and no constant learning rate settles.
    """
    square = jnp.mean(x**2)
    tip = square == 0
    radius = jnp.where(tip, 0.0, jnp.sqrt(jnp.where(tip, 1.0, square)))
    return 20.0 + jnp.e - 20.0 * jnp.exp(-0.2 * radius) - jnp.exp(jnp.mean(jnp.cos(2.0 * jnp.pi * x)))


def cliff(x: Float[Array, "2"], steps: int = 50) -> Float[Array, ""]:
    """(σ(h_T) − 0.7)², h₀ = ½, hₜ = w·σ(hₜ₋₁) + b, x = (w, b): a recurrent unit whose error falls off a cliff.

    The cliff, about 0.35 high, stands over b = ½ − w·σ(½) for w > 4.26, where h₀ is an unstable fixed point: each step
    multiplies the derivative by w·σ′(½) = 0.235w, so that the slope there grows like (0.235w)ᵀ, and both sides are
    nearly flat: for 50 steps at w = 5 the gradient's length is 780 on that line, and below 0.2 half a unit beside it.
    Source: lectures Exploding Gradients; Pascanu et al. 2013 (arXiv 1211.5063), figure 6.
    """
    end = jax.lax.fori_loop(0, steps, lambda _, h: x[0] * jax.nn.sigmoid(h) + x[1], jnp.asarray(0.5, x.dtype))
    return (jax.nn.sigmoid(end) - 0.7) ** 2
