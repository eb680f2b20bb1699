"""How long until something happens: imports, `dlnotes list`, compiling by depth, the first verdicts of an experiment.

All but the compiling is measured on processes of their own, with their memory; Python's own start is the yardstick of
imports. A training step is compiled for 5 and for 50 layers: `compile growth` is how much longer 50 take. The peer is
the same network with its layers written out, as a Python loop has it, where ours scans over equal ones.
"""

import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from benchmarks.measure import MEMORY, YARDSTICK, Case, Prepare, Run, Timing
from dlnotes.nn.convnet import Conv3x3, PlainConvNet
from dlnotes.nn.mlp import MLP, Dense

ROOT = Path(__file__).parent.parent
WATCH = """import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"""  # a child counts as its own what its parent had taken
EXPERIMENT = "foundations/temperature"
IMAGES = {"dense": (32, 64), "convolutional": (32, 8, 8, 1)}
WIDTH = 64  # units, or channels


def cases(quick: bool) -> Iterator[Case]:
    """No experiment, and 3 against 6 layers, if `quick`."""
    imports = {"dlnotes": "import dlnotes", "dlnotes, to run": "from dlnotes import lab; lab.run", "jax": "import jax",
               YARDSTICK: ""}  # fmt: skip
    yield Case("import", {}, {who: partial(process, ["-c", code]) for who, code in imports.items()})
    yield Case("dlnotes list", {}, {"dlnotes": partial(process, ["-m", "dlnotes", "list"])})
    for kind, depth in itertools.product(IMAGES, (3, 6) if quick else (5, 50)):
        networks = {"dlnotes": {"dense": MLP, "convolutional": PlainConvNet}[kind], "flax, a loop": partial(Loop, kind)}
        contestants = {who: training_step(make(depth, WIDTH, 10), IMAGES[kind]) for who, make in networks.items()}
        yield Case(f"training step, {kind}", {"layers": depth}, contestants)
    if not quick:
        with tempfile.TemporaryDirectory() as kept:
            caches = {"dlnotes": kept, "dlnotes, nothing compiled": "cache"}
            contestants = {who: partial(first_verdicts, cache) for who, cache in caches.items()}
            yield Case(f"dlnotes run {EXPERIMENT} --preset quick", {}, contestants)


def process(words: Sequence[str], **variables: str) -> Run:
    """Python with these words, from its start to its end, in an empty folder; the first call tells its memory."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": str(ROOT), "XLA_PYTHON_CLIENT_PREALLOCATE": "false", **variables}  # a GPU is shared
    command, told = [sys.executable, *words], []

    def run():
        with tempfile.TemporaryDirectory() as folder:
            options = {"cwd": folder, "env": environment, "check": True, "stderr": subprocess.DEVNULL}
            if told:
                subprocess.run(command, stdout=subprocess.DEVNULL, **options)
            else:
                watched = subprocess.run([sys.executable, "-c", WATCH, *command], stdout=subprocess.PIPE, **options)
                told.append(int(watched.stdout) * (1 if sys.platform == "darwin" else 1024))
        return {MEMORY: told[0]}

    return run


def first_verdicts(cache: str) -> Run:
    """`dlnotes run` of a small experiment; a `cache` that is no path begins empty, as the folder it is in does."""
    words = ["run", EXPERIMENT, "--preset", "quick", "--runs", "runs"]
    return process(["-m", "dlnotes", *words], DLNOTES_CACHE=cache)


class Loop(nn.Module):
    """An `MLP` or a `PlainConvNet` with every layer by itself."""

    kind: str
    depth: int
    width: int
    outputs: int

    @nn.compact
    def __call__(self, x):
        same = (self.width, nn.relu, MLP.kernel_init)
        for layer in range(self.depth - 1):
            stride = 1 if layer else 2
            x, _ = (Dense(*same) if self.kind == "dense" else Conv3x3(*same, "CIRCULAR", stride))(x)
        return nn.Dense(self.outputs, kernel_init=MLP.kernel_init)(x.reshape(len(x), -1))


def training_step(network: nn.Module, shape: tuple[int, ...]) -> Prepare:
    """One step of descent on noise; its compilation is what is of interest."""
    step, init = descent(network, shape)
    params = jax.jit(init)()

    def prepare():
        compiled = jax.jit(step).lower(params).compile()
        return lambda: {"loss": compiled(params)[1]}

    return prepare


def descent(network: nn.Module, shape: tuple[int, ...]) -> tuple[Callable, Callable]:
    """A step, params → (params, loss), and what makes the first parameters."""
    images, labels = jax.random.normal(jax.random.key(0), shape), jnp.arange(shape[0]) % 10

    def step(params):
        def loss(params):
            return optax.softmax_cross_entropy_with_integer_labels(network.apply(params, images), labels).mean()

        value, gradient = jax.value_and_grad(loss)(params)
        return jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient), value

    return step, lambda: network.init(jax.random.key(1), images)


def conclude(timings: list[Timing]) -> list[Timing]:
    """With how many times longer the deeper of two networks compiles."""
    less = {(t.case, t.contestant): t.compile_seconds for t in reversed(timings) if "layers" in t.sizes}

    def growth(timing: Timing) -> dict[str, float]:
        shallow = less.get((timing.case, timing.contestant))
        return {"compile growth": timing.compile_seconds / shallow} if shallow else {}

    return [timing._replace(outcome={**timing.outcome, **growth(timing)}) for timing in timings]
