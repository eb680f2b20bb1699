"""How the time and memory of many trials grow with their seeds, steps, parameters and devices, run as the engine does.

An MLP learns the digits, batches of 32. Where three sizes or more were timed, the largest has the exponents p of
seconds ∝ sizeᵖ and of memory, by least squares on logarithms, each with its standard error. On CPU a device is a core,
and eight trials run at once on each, as in a run; elsewhere all do.

That memory grows with the steps is XLA's doing (JAX 0.12): where several CPU devices run at once, its YNNPACK fusions
keep about 20 KiB a step until the call ends; not on one device, nor without them
(`XLA_FLAGS=--xla_cpu_experimental_ynn_fusion_type=`). The engine's calls end after about a second.
"""

import math
from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.sharding import AxisType, NamedSharding
from scipy.stats import linregress

from benchmarks.measure import Case, Timing
from dlnotes import lab
from dlnotes.data import images
from dlnotes.lab import lift
from dlnotes.lab.execute import shape_of
from dlnotes.lab.grouping import CPU_GROUP
from dlnotes.lab.plan import study_programs
from dlnotes.lab.report import words
from dlnotes.nn.mlp import MLP

DEPTH = 3
LEAST = {"time": 0.0, "memory": words.MEGABYTE}  # what can be measured


def cases(quick: bool) -> Iterator[Case]:
    """One size changes and names the case, the others stay; three small sizes each if `quick`."""
    there, on_cpu = jax.device_count(), jax.default_backend() == "cpu"
    usual = {"seeds": 4, "steps": 5, "width": 8} if quick else {"seeds": 16, "steps": 100, "width": 64}
    sweeps = {
        "seeds": (2, 4, 8) if quick else (4, 16, 64, 256) if on_cpu else (16, 64, 256, 1024, 4096),
        "steps": (5, 10, 20) if quick else (25, 100, 400, 1600),
        "width": (4, 8, 16) if quick else (32, 64, 128, 256, 512),
        "devices": sorted({*(2**i for i in range(there.bit_length())), there}),
    }
    for name, values in sweeps.items():
        for value in values:
            chosen = {**usual, "devices": there, name: value}
            sizes = {**chosen, "parameters": parameters(chosen["width"])}
            del sizes["width"]
            yield Case("parameters" if name == "width" else name, sizes, {"dlnotes": partial(trials, **chosen)})


def parameters(width: int) -> int:
    """How many numbers the network learns."""
    shapes = jax.eval_shape(MLP(DEPTH, width, 10).init, jax.random.key(0), jnp.zeros((1, 8, 8, 1)))
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))


def trial(key: Array, data: images.Images, *, width: int, steps: int) -> lab.Trial:
    net = MLP(DEPTH, width, 10)

    def loss(logits, labels):
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    return lab.supervised(
        *lab.streams(key, "init", "batches"), (net.init, net.apply), loss, optax.sgd(0.1, 0.9),
        (data.train_images, data.train_labels), batch=32, steps=steps, every=steps,
    )  # fmt: skip


def trials(seeds: int, steps: int, width: int, devices: int):
    """All trials from start to end as one program over some of the devices."""
    study = lab.Study(trial, {"width": width, "steps": steps})
    (program,) = study_programs("growth", study)
    data = jax.tree.map(jnp.asarray, images.load())
    filled = -(-seeds // devices) * devices
    inputs = lift.Inputs(jax.vmap(partial(jax.random.fold_in, jax.random.key(0)))(jnp.arange(filled)), {})
    shape = shape_of(program, data)

    def whole(inputs, data, bounds):
        begun = lift.begin(program, shape)(inputs, data)
        return lift.advance(program, shape)(begun, inputs, data, bounds)[1]["loss"]

    mesh = jax.make_mesh((devices,), ("trial",), axis_types=(AxisType.Auto,), devices=jax.devices()[:devices])
    group = CPU_GROUP if jax.default_backend() == "cpu" else filled
    places = ((inputs, lift.SHARDED), (data, lift.WHOLE), (jnp.array([0, 0, steps, steps]), lift.WHOLE))
    arguments = [jax.device_put(tree, NamedSharding(mesh, spec)) for tree, spec in places]
    compiled = jax.jit(lift.lift(whole, mesh, group, 1)).lower(*arguments).compile()
    return lambda: {"loss": compiled(*arguments)}


def conclude(timings: list[Timing]) -> list[Timing]:
    """With the exponents of each case at its largest size."""
    found = []
    for timing in timings:
        series = [other for other in timings if other.case == timing.case]
        at_end = len(series) > 2 and timing is series[-1]
        found.append(timing._replace(outcome={**timing.outcome, **exponents(series)}) if at_end else timing)
    return found


def exponents(series: list[Timing]) -> dict[str, float]:
    """The slopes of log seconds and log memory over the log of the size that names the case."""
    size = np.log([timing.sizes[timing.case] for timing in series])
    measured = {"time": [timing.seconds for timing in series], "memory": [timing.memory or 0 for timing in series]}
    fits = {name: linregress(size, np.log(values)) for name, values in measured.items() if min(values) >= LEAST[name]}
    slopes = {f"{name} exponent": float(fit.slope) for name, fit in fits.items()}
    return slopes | {f"{name} ±": float(fit.stderr) for name, fit in fits.items()}
