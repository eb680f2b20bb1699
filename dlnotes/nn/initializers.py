"""Variance rules for initial weights as data, so that one compiled program can sweep them.

Var(w) = numerator / (n_in·fan_in + n_out·fan_out + constant)

Source: ee147 Weight Initialization; cs182 4.4; formulas 2.3.2. They differ: see `RULES`.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn.initializers import Initializer
from jax.sharding import NamedSharding, PartitionSpec
from jax.typing import ArrayLike
from jaxtyping import Float

Sharding = NamedSharding | PartitionSpec | None


class FanRule(NamedTuple):
    """Var(w) = numerator / (n_in·fan_in + n_out·fan_out + constant), for weights drawn from N(0, Var(w))."""

    numerator: ArrayLike
    n_in: ArrayLike
    n_out: ArrayLike
    constant: ArrayLike

    def variance(self, fan_in: ArrayLike, fan_out: ArrayLike) -> Float[Array, ""]:
        """The variance of one weight of a layer with so many inputs and outputs to a unit."""
        return jnp.asarray(self.numerator / (self.n_in * fan_in + self.n_out * fan_out + self.constant))


RULES = {
    "small": FanRule(1e-4, 0.0, 0.0, 1.0),  # N(0, 0.01²): cs182 4.4.1
    "large": FanRule(1.0, 0.0, 0.0, 1.0),  # N(0, 1)
    "xavier_fan_in": FanRule(1.0, 1.0, 0.0, 0.0),  # 1/n_in: cs182 4.4.2, formulas 2.3.2, the forward half of ee147
    "xavier_fan_out": FanRule(1.0, 0.0, 1.0, 0.0),  # 1/n_out: the backward half of ee147
    "glorot": FanRule(2.0, 1.0, 1.0, 0.0),  # 2/(n_in + n_out) = 1/n_avg: ee147
    "sheet": FanRule(1.0, 1.0, 1.0, 0.0),  # 1/(n_in + n_out): as formulas 2.3.2 prints Xavier's, half of Glorot's
    "he_fan_in": FanRule(2.0, 1.0, 0.0, 0.0),  # 2/n_in: cs182 4.4.2.1, formulas 2.3.2
    "he_average": FanRule(4.0, 1.0, 1.0, 0.0),  # 2/n_avg: ee147
}
"""The notes' rules by name. For square layers glorot = xavier_fan_in and he_average = he_fan_in."""


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """(n_in, n_out) of a kernel [*window, inputs, outputs]: the terms summed in one unit, forward and backward.

    A convolution's window counts in both: a 3×3 kernel from c to f channels has (9c, 9f).
    """
    if len(shape) < 2:
        raise ValueError(
            f"fans need a kernel of shape [*window, inputs, outputs], got {tuple(shape)}; zero the biases instead"
        )
    *window, inputs, outputs = shape
    return math.prod(window) * inputs, math.prod(window) * outputs


def normal(rule: FanRule) -> Initializer:
    """Weights from N(0, Var(w)) by `rule`, not truncated, for dense and convolution kernels.

    Equals `jax.nn.initializers.variance_scaling(scale, mode, "normal")` draw for draw where that has the rule; the
    numbers of `rule` may be traced. The trap: JAX's `he_normal` and `glorot_normal` are truncated at two deviations.
    """

    def init(key: Array, shape: Sequence[Any], dtype: Any = None, out_sharding: Sharding = None) -> Array:
        # Drawn flat: the same numbers, and on CPU a draw of rank 5 takes up to thirty times longer to compile.
        size = math.prod(shape)
        draws = jax.random.normal(key, (size,), float if dtype is None else dtype).reshape(
            shape, out_sharding=out_sharding
        )
        return draws * jnp.sqrt(rule.variance(*fans(shape))).astype(draws.dtype)

    return init
