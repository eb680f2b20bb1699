"""Convolution over seeds inside a training loop: the form that dlnotes' networks use, and what they could use instead.

Each contestant takes steps along the gradient of the mean of (w ⋆ x)² by the kernel, for several seeds: forward and
weight gradient inside a loop. `dlnotes` is `nn.conv.conv_general_dilated` with as many seeds at a time as the engine
takes on CPU; "native" is `lax.conv_general_dilated`, which vmap turns into one grouped convolution; "mapped" is one
seed after the other. The native weight gradient inside a loop is the slow case on CPU, on which rests the rule of
dlnotes/nn/conv.py: patches times a matrix on CPU, native elsewhere.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.sharding import NamedSharding

from benchmarks.measure import Case
from dlnotes.lab import lift
from dlnotes.lab.devices import trial_mesh
from dlnotes.nn import conv

CHANNELS, SIDE, STEPS, RATE = 16, 14, 4, 1e-6
DIMENSIONS = lax.conv_dimension_numbers((1, SIDE, SIDE, CHANNELS), (3, 3, CHANNELS, CHANNELS), ("NHWC", "HWIO", "NHWC"))


def cases(quick: bool) -> Iterator[Case]:
    """Kernels of 3 × 3 and 5 × 5, batches of 16 and 64, 2 and 16 seeds."""
    for window in (3,) if quick else (3, 5):
        for batch in (4,) if quick else (16, 64):
            for seeds in (2,) if quick else (2, 16):
                sizes = {"kernel": window, "batch": batch, "seeds": seeds, "steps": STEPS}
                yield Case("weight gradient in a loop", sizes, {
                    name: partial(training, form, group, window, batch, seeds)
                    for name, (form, group) in forms(seeds).items()
                })  # fmt: skip


def native(inputs: Array, kernel: Array) -> Array:
    return lax.conv_general_dilated(inputs, kernel, (1, 1), "SAME", dimension_numbers=DIMENSIONS)


def chosen(inputs: Array, kernel: Array) -> Array:
    return conv.conv_general_dilated(inputs, kernel, (1, 1), "SAME", dimension_numbers=DIMENSIONS)


def patches(inputs: Array, kernel: Array) -> Array:
    return conv.im2col(inputs, kernel, (1, 1), "SAME")


def forms(seeds: int) -> dict[str, tuple[Callable, int]]:
    """Each form of the convolution, and how many seeds at a time on each device."""
    return {
        "dlnotes": (chosen, min(seeds, 8)),
        "patches, mapped": (patches, 1),
        "patches, all at once": (patches, seeds),
        "native, mapped": (native, 1),
        "native, grouped": (native, seeds),
    }


def drawn(key: Array, shape: tuple[int, ...]) -> Array:
    """Normal numbers, drawn in a row: XLA compiles that many times faster."""
    return jax.random.normal(key, (math.prod(shape),)).reshape(shape)


def training(form: Callable, group: int, window: int, batch: int, seeds: int):
    """`STEPS` steps of every seed, spread over the devices as a sweep is."""
    mesh = trial_mesh()
    seeds = -(-seeds // mesh.size) * mesh.size
    k_inputs, k_kernels = jax.random.split(jax.random.key(0))
    inputs = drawn(k_inputs, (seeds, batch, SIDE, SIDE, CHANNELS))
    kernels = drawn(k_kernels, (seeds, window, window, CHANNELS, CHANNELS))
    inputs, kernels = jax.device_put((inputs, kernels), NamedSharding(mesh, lift.SHARDED))

    def train(inputs, kernel):
        def energy(kernel):
            return jnp.square(form(inputs, kernel)).mean()

        return lax.fori_loop(0, STEPS, lambda _, w: w - RATE * jax.grad(energy)(w), kernel)

    compiled = jax.jit(lift.lift(train, mesh, group, 2)).lower(inputs, kernels).compile()
    return lambda: {"kernel²": jnp.square(compiled(inputs, kernels)).mean()}
