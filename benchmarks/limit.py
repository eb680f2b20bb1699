"""How near the large sweeps come to the machine's limit: the same floating-point operations as bare matrix products.

The yardstick multiplies matrices of the layers' own shapes, batched over a group of trials on every device; the square
one multiplies the largest: neither draws batches, adds biases or updates. Both do as many operations as the sweep does
by hand count, so that "÷ dlnotes" of the yardstick is the share of the ceiling that is reached. XLA's count, which
takes a loop's body once, stands beside the hand's for the same network of three layers.
"""

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding

from benchmarks.convolutions import drawn
from benchmarks.measure import YARDSTICK, Case, Timing
from benchmarks.sweep import engine
from benchmarks.sweep.engine import precise
from benchmarks.sweep.networks import LARGE, QUICK, Network
from dlnotes.lab import lift
from dlnotes.lab.devices import trial_mesh
from dlnotes.lab.grouping import CPU_GROUP

TRIALS = 16
SQUARE = 1024


def cases(quick: bool) -> Iterator[Case]:
    """The dense and convolutional networks; float32, and on a GPU also what its matrix units prefer."""
    trials, steps = (2, 2) if quick else (TRIALS, 16)
    on_gpu = jax.default_backend() == "gpu"
    for name, network in (QUICK if quick else LARGE).items():
        for precision in engine.precisions(network):
            sizes = {"trials": trials, "steps": steps, "flop": int(trials * steps * flops(network))}
            label = f"{name}, {precision}" if on_gpu else name
            yield Case(label, sizes, {
                "dlnotes": partial(precise, precision, partial(engine.sweep, network, trials, steps)),
                YARDSTICK: partial(precise, precision, partial(products, network, trials, steps)),
                "yardstick, square": partial(precise, precision, partial(squares, sizes["flop"], quick)),
            })  # fmt: skip


def layers(network: Network) -> list[tuple[int, int, int]]:
    """Rows, inputs and outputs of each layer's matrix product; rows of a convolution are batch × places."""
    n, batch, pixels = network.width, network.batch, network.side**2
    if network.kind == "autoencoder":
        z = network.latents
        return [(batch, *shape) for shape in ((pixels, n), (n, z), (n, z), (z, n), (n, pixels))]
    if network.kind == "dense":
        return [(batch, pixels, n), *[(batch, n, n)] * (network.depth - 2), (batch, n, 10)]
    places = ((network.side - 1) // network.stride + 1) ** 2
    rows = batch * places
    return [(rows, 9, n), *[(rows, 9 * n, n)] * (network.depth - 2), (batch, n * places, 10)]


def flops(network: Network) -> float:
    """2·rows·inputs·outputs of each product: forwards, for the weights, and for the inputs of all but the first."""
    each = [2 * rows * inputs * outputs for rows, inputs, outputs in layers(network)]
    return 3 * sum(each) - each[0]


def products(network: Network, trials: int, steps: int):
    """The three products of each layer, `CPU_GROUP` trials at a time, spread over the devices as a sweep is."""
    mesh = trial_mesh(trials)
    trials = -(-trials // mesh.size) * mesh.size
    key = jax.random.key(0)

    def made(shape):
        return jax.device_put(drawn(key, (trials, *shape)), NamedSharding(mesh, lift.SHARDED))

    shapes = layers(network)
    operands = [(made((r, i)), made((i, o)), made((r, o))) for r, i, o in shapes]

    def one(*operands):
        def step(_, carry):
            touched, total = [], carry[1]
            for layer, (x, w, g) in enumerate(carry[0]):
                # one number each, in place: no product can be taken out of the loop
                x, g = (operand.at[0, 0].add(1e-30 * total) for operand in (x, g))
                total += (x @ w)[0, 0] + (x.T @ g)[0, 0]
                if layer:
                    total += (g @ w.T)[0, 0]
                touched.append((x, w, g))
            return tuple(touched), total

        return jax.lax.fori_loop(0, steps, step, (operands, jnp.zeros(())))[1]

    group = CPU_GROUP if jax.default_backend() == "cpu" else trials
    flat = lift.lift(one, mesh, min(group, trials // mesh.size), len(operands))
    compiled = jax.jit(flat).lower(*operands).compile()
    return lambda: {"sum": compiled(*operands)}


def squares(flop: int, quick: bool):
    """Products of large square matrices, one on each device at a time, of as many operations in all."""
    mesh = trial_mesh()
    n = 32 if quick else SQUARE
    count = max(1, round(flop / (2 * n**3 * mesh.size)))
    x = jax.device_put(drawn(jax.random.key(0), (mesh.size, n, n)) / n, NamedSharding(mesh, lift.SHARDED))

    def one(x):
        return jax.lax.fori_loop(0, count, lambda _, y: y @ x, x)[0, 0]

    compiled = jax.jit(lift.lift(one, mesh, 1, 1)).lower(x).compile()
    return lambda: {"done": count * 2 * n**3 * mesh.size / flop, "last": compiled(x)}


def conclude(timings: list[Timing]) -> list[Timing]:
    """With the operations each second, by hand count, and XLA's count over the hand's for ours."""
    networks = LARGE | QUICK
    found = []
    for timing in timings:
        outcome = {**timing.outcome, "GFLOP/s": timing.sizes["flop"] / timing.seconds / 1e9}
        if timing.contestant == "dlnotes":
            network = networks[timing.case.split(", ")[0]]
            short = network._replace(depth=3) if network.depth else network
            outcome["XLA's count ÷ by hand"] = engine.step_flops(short) / flops(short)
        found.append(timing._replace(outcome=outcome))
    return found
