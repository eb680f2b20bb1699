"""Seeds × rates of networks like those of the headline experiments: trial-steps a second, against PyTorch's ways.

Ours is the engine's own program with its own choice of a group; beside it stand the modes it chooses among. The loop is
one jitted step called from Python, trial by trial. PyTorch trains trial by trial (eager, and torch.compile), so in one
process for each core, and all trials at once (torch.func). All draw their own batches and start anew at each
measurement: their losses agree in the mean, not in digits.
"""

from collections.abc import Iterator

from benchmarks.measure import Case, Prepare, Timing
from benchmarks.sweep import engine, processes
from benchmarks.sweep.networks import LARGE, QUICK, SMALL, Network, learning_rates

SIZES = (1, 4, 16, 64, 256)
ONE_BY_ONE = 16  # who trains trial by trial is measured up to here: beyond, the speed is the same
WORK = {"small": 1024, "large": 128, "quick": 4}  # trial-steps of a measurement, unless there are more trials


def cases(quick: bool) -> Iterator[Case]:
    """Each network with each number of trials."""
    for kind, networks in {"quick": QUICK}.items() if quick else {"small": SMALL, "large": LARGE}.items():
        for name, network in networks.items():
            for trials in (4,) if quick else SIZES:
                steps = max(2, WORK[kind] // trials)
                sizes = {"trials": trials, "steps": steps}
                yield Case(name, sizes, contestants(network, trials, steps, quick))


def contestants(network: Network, trials: int, steps: int, quick: bool) -> dict[str, Prepare]:
    """Who trains `trials` networks for `steps` steps; PyTorch not at toy sizes."""
    rates = learning_rates(network, trials)
    some: dict[str, Prepare] = {
        "dlnotes": lambda: engine.sweep(network, trials, steps),
        "dlnotes, one at a time": lambda: engine.sweep(network, trials, steps, 1),
        "dlnotes, all at once": lambda: engine.sweep(network, trials, steps, trials),
        "dlnotes, one device": lambda: engine.sweep(network, trials, steps, trials, engine.OneDevice),
    }
    if trials <= ONE_BY_ONE:
        some["jitted step, a loop"] = lambda: engine.python_loop(network, trials, steps)
    if not quick:
        some["torch func"] = lambda: torch("ensemble", network, rates, steps)
        if trials <= ONE_BY_ONE:
            some |= {
                "torch eager": lambda: torch("eager", network, rates, steps),
                "torch compile": lambda: torch("eager", network, rates, steps, True),
                "torch eager, a process per core": lambda: processes.eager(network, rates, steps),
            }
    return some


def torch(way: str, *arguments):
    """One of PyTorch's ways; imported here, as it may be missing."""
    from benchmarks.sweep import pytorch

    return getattr(pytorch, way)(*arguments)


def conclude(timings: list[Timing]) -> list[Timing]:
    """With trial-steps a second."""
    return [
        timing._replace(
            outcome={**timing.outcome, "trial-steps/s": timing.sizes["trials"] * timing.sizes["steps"] / timing.seconds}
        )
        for timing in timings
    ]
