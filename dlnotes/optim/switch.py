"""Which optimizer runs, as data: one compiled loop for several methods."""

from collections.abc import Sequence
from typing import Any

import jax
import optax
from jax import Array
from jaxtyping import Int


def switch(
    index: Int[Array, ""] | int, methods: Sequence[optax.GradientTransformation]
) -> optax.GradientTransformationExtraArgs:
    """The method of this index; `index` may be traced. The state is a tuple of all methods' states, one of which moves.

    The trap: under `vmap` over `index` every method is computed for every member and one is kept; `jax.lax.map` over it
    computes only the one. What follows all of them alike, such as a line search, is chained after it and compiled once.
    """
    ready = tuple(optax.with_extra_args_support(method) for method in methods)

    def init(params: optax.Params) -> tuple:
        return tuple(method.init(params) for method in ready)

    def update(updates, state: Any, params=None, **extra: Any):
        def chosen(i: int):
            def run(updates, state):
                updates, own = ready[i].update(updates, state[i], params, **extra)
                return updates, (*state[:i], own, *state[i + 1 :])

            return run

        return jax.lax.switch(index, [chosen(i) for i in range(len(ready))], updates, state)

    return optax.GradientTransformationExtraArgs(init, update)
