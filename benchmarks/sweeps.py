"""Seeds × rates of networks like those of the headline experiments: trial-steps a second, against PyTorch's ways.

Ours is the engine's own program with the group it chooses in a long run; beside it stand the modes it chooses among.
The loop is one jitted step called from Python, trial by trial. PyTorch trains trial by trial (eager, and by
torch.compile), so in one process for each core, and all trials at once (torch.func, as it is, and compiled whole with
its optimizer). All draw their own batches and start anew at each measurement: their losses agree in the mean, not in
digits.

The compiled ensemble is the strongest peer, and on small dense networks may come near or ahead: XLA's batched products
of 32 × 32 matrices are slower than PyTorch's. Tried without gain for 256 networks of ten layers: other forms of the
weights' gradients (sums of outer products, transposed before or after), oneDNN, YNNPACK's fusions, fast math, wider
vectors. Layers are compiled one by one, as is worth it in long sweeps (`MLP.unrolled`).
"""

import contextlib
from collections.abc import Iterator
from functools import partial
from importlib import import_module

import jax

from benchmarks.measure import Case, Prepare, Timing
from benchmarks.sweep import engine, processes
from benchmarks.sweep.networks import LARGE, QUICK, SMALL, Network, learning_rates

SIZES = (1, 4, 16, 64, 256)
ON_GPU = (1024, 4096)  # and so many small ones: fewer do not fill it
ONE_BY_ONE = 16  # who trains trial by trial is measured up to here: beyond, the speed is the same
WORK = {"small": 1024, "large": 128, "quick": 4}  # trial-steps of a measurement; a quarter for convolutions
LEAST = {"small": 8, "large": 8, "quick": 2}  # steps, however many trials: runs have a record every ten or hundred


def cases(quick: bool) -> Iterator[Case]:
    """Each network with each number of trials; on a GPU in float32 and tf32, everyone alike, and ours in bfloat16."""
    on_gpu = jax.default_backend() == "gpu"
    if not quick:
        with contextlib.suppress(ImportError):  # now, or it would count as the first contestant's compiling
            import_module("benchmarks.sweep.pytorch")
    for kind, networks in {"quick": QUICK}.items() if quick else {"small": SMALL, "large": LARGE}.items():
        for name, network in networks.items():
            work = WORK[kind] // (4 if network.kind == "convolutional" else 1)
            sizes = SIZES + ON_GPU if on_gpu and kind == "small" else SIZES
            for trials in (4,) if quick else sizes:
                steps = max(LEAST[kind], work // trials)
                for precision in engine.precisions(network):
                    label = f"{name}, {precision}" if on_gpu else name
                    alone = quick or precision == "bfloat16"  # PyTorch would store in it too
                    measured = {"trials": trials, "steps": steps}
                    yield Case(label, measured, contestants(network, trials, steps, alone, precision))


def contestants(
    network: Network, trials: int, steps: int, alone: bool, precision: str = "float32"
) -> dict[str, Prepare]:
    """Who trains `trials` networks for `steps` steps: ours alone (at toy sizes), or PyTorch too."""
    ours: dict[str, Prepare] = {
        "dlnotes": lambda: engine.sweep(network, trials, steps),
        "dlnotes, one at a time": lambda: engine.sweep(network, trials, steps, 1),
        "dlnotes, all at once": lambda: engine.sweep(network, trials, steps, trials),
        "dlnotes, one device": lambda: engine.sweep(network, trials, steps, trials, engine.OneDevice),
    }
    if trials <= ONE_BY_ONE:
        ours["jitted step, a loop"] = lambda: engine.python_loop(network, trials, steps)
    some = {name: partial(engine.precise, precision, prepare) for name, prepare in ours.items()}
    return some if alone else some | peers(network, trials, steps, precision)


def peers(network: Network, trials: int, steps: int, precision: str) -> dict[str, Prepare]:
    """PyTorch's ways, those that train trial by trial up to `ONE_BY_ONE`."""
    task = network, learning_rates(network, trials), steps
    some: dict[str, Prepare] = {
        "torch func": lambda: torch(precision, "ensemble", *task),
        "torch func, compiled": lambda: torch(precision, "ensemble", *task, True),
    }
    if trials <= ONE_BY_ONE:
        some |= {
            "torch eager": lambda: torch(precision, "eager", *task),
            "torch compile": lambda: torch(precision, "eager", *task, True),
            "torch eager, a process per core": lambda: processes.eager(*task, precision),
        }
    return some


def torch(precision: str, way: str, *arguments):
    """One of PyTorch's ways; imported here, as it may be missing."""
    from benchmarks.sweep import pytorch

    return pytorch.precise(precision, getattr(pytorch, way)(*arguments))


def conclude(timings: list[Timing]) -> list[Timing]:
    """With trial-steps a second."""
    return [
        timing._replace(
            outcome={**timing.outcome, "trial-steps/s": timing.sizes["trials"] * timing.sizes["steps"] / timing.seconds}
        )
        for timing in timings
    ]
