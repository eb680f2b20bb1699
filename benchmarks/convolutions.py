"""Convolution over seeds inside a training loop: the form that dlnotes' networks use, and what they could use instead.

Each contestant changes the kernel in a loop, for several seeds, with the mean of squares E of its answer: by E itself
(forward), by the gradient of E for w ⋆ x (forward and weight gradient), or for w ⋆ (w ⋆ x), as in deep networks (the
input's gradient too). `dlnotes` is `nn.conv.conv_general_dilated` with as many seeds at a time as the engine takes on
CPU; "native" is `lax.conv_general_dilated`, which vmap turns into one grouped convolution; "mapped" is one seed after
the other. The native weight gradient inside a loop is the slow case on CPU, on which rests the rule of
dlnotes/nn/conv.py: patches times a matrix on CPU, native elsewhere. Forward alone the native form, mapped, is ahead;
and one seed at a time is ahead of eight, which the engine finds out in runs of over 20 s (lab/grouping.py).
"""

import itertools
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

CHANNELS, SIDE, STEPS, RATE = 16, 14, 4, 1e-3
DIMENSIONS = lax.conv_dimension_numbers((1, SIDE, SIDE, CHANNELS), (3, 3, CHANNELS, CHANNELS), ("NHWC", "HWIO", "NHWC"))


def cases(quick: bool) -> Iterator[Case]:
    """Kernels of 3 × 3 and 5 × 5, batches of 16 and 64, 2 and 16 seeds; all three changes in one of these sizes."""
    every = itertools.product((3,), (4,), (2,)) if quick else itertools.product((3, 5), (16, 64), (2, 16))
    for window, batch, seeds in every:
        sizes = {"kernel": window, "batch": batch, "seeds": seeds, "steps": STEPS}
        for name, change in CHANGES.items():
            if quick or change is by_gradient or (window, batch, seeds) == (3, 64, 16):
                yield Case(f"{name} in a loop", sizes, {
                    who: partial(training, change, form, group, window, batch, seeds)
                    for who, (form, group) in forms(seeds).items()
                })  # fmt: skip


def energy(kernel: Array, answer: Callable[[Array], Array]) -> Array:
    return jnp.square(answer(kernel)).mean()


def by_energy(kernel: Array, inputs: Array, form: Callable) -> Array:
    return energy(kernel, partial(form, inputs)) * kernel


def by_gradient(kernel: Array, inputs: Array, form: Callable) -> Array:
    return jax.grad(energy)(kernel, partial(form, inputs))


def by_both_gradients(kernel: Array, inputs: Array, form: Callable) -> Array:
    return jax.grad(energy)(kernel, lambda kernel: form(form(inputs, kernel), kernel))


CHANGES = {"forward": by_energy, "weight gradient": by_gradient, "both gradients": by_both_gradients}


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


def training(change: Callable, form: Callable, group: int, window: int, batch: int, seeds: int):
    """`STEPS` steps of every seed, spread over the devices as a sweep is."""
    mesh = trial_mesh(seeds)
    seeds = -(-seeds // mesh.size) * mesh.size
    k_inputs, k_kernels = jax.random.split(jax.random.key(0))
    inputs = drawn(k_inputs, (seeds, batch, SIDE, SIDE, CHANNELS))
    kernels = drawn(k_kernels, (seeds, window, window, CHANNELS, CHANNELS))
    inputs, kernels = jax.device_put((inputs, kernels), NamedSharding(mesh, lift.SHARDED))

    def train(inputs, kernel):
        return lax.fori_loop(0, STEPS, lambda _, kernel: kernel - RATE * change(kernel, inputs, form), kernel)

    compiled = jax.jit(lift.lift(train, mesh, group, 2)).lower(inputs, kernels).compile()
    return lambda: {"moved": jnp.abs(compiled(inputs, kernels) - kernels).mean()}
