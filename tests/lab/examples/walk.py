"""Does a random walk move away as the square root of time?

Sources: the variance of a sum of independent steps.
"""

import jax
import jax.numpy as jnp
from jax import Array

from dlnotes import lab


def walk(key, *, scale: Array, size: int, steps: int, every: int) -> lab.Trial:
    """A walk of [size, size] walkers that also turns them, so that a step takes time."""

    def step(x, t):
        x = x + scale * jax.random.normal(jax.random.fold_in(key, t), x.shape)
        return x, {"distance": jnp.sqrt(jnp.mean(x**2)), "turned": jnp.mean(jnp.tanh(x @ x))}

    return lab.Trial(lambda: jnp.zeros((size, size)), step, lambda x: {"last": x[0]}, steps=steps, every=every)


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "walk": lab.Study(
            walk, {"scale": (0.5, 1.0), "size": (24, 32), "steps": 2000, "every": 250}, dims={"last": ("walker",)}
        )
    },
    predictions=(
        lab.Equivalent(
            "root",
            "four times the steps, twice the distance",
            lambda r: (
                r.walk.distance.sel(size=24, scale=1.0, step=2000) / r.walk.distance.sel(size=24, scale=1.0, step=500)
            ),
            source="this file",
            target=2.0,
            within=0.2,
        ),
    ),
)
