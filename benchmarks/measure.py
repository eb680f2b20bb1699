"""How contestants are timed: in one process, on the same data, in turns, warm, until ready."""

import gc
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks import memory

OURS = "dlnotes"
YARDSTICK = "yardstick"
MEMORY = "memory"
Run = Callable[[], Mapping[str, Any]]
Prepare = Callable[[], Run]
NO_ROOM = (MemoryError, jax.errors.JaxRuntimeError)


class Case(NamedTuple):
    """One problem, and who solves it: `dlnotes` and its peers, by name; `yardstick` is the best that the machine can.

    `contestants` map a name to prepare() → run; run() solves the problem once and returns numbers that show it did.
    What `prepare` does is timed as compilation, with what the first call takes longer than the next. A peer that is not
    installed raises ImportError in `prepare`. Memory is measured (see `memory.taken`), unless run() gives it under the
    name `memory`, in bytes.
    """

    name: str
    sizes: Mapping[str, int]
    contestants: Mapping[str, Prepare]


class Timing(NamedTuple):
    """Seconds of one contestant: the median, both quartiles, those of compiling; and bytes of memory."""

    case: str
    sizes: Mapping[str, int]
    contestant: str
    seconds: float
    low: float
    high: float
    compile_seconds: float
    memory: int | None
    repeats: int
    outcome: Mapping[str, float]


class Missing(NamedTuple):
    """A contestant that is not installed, or for which memory does not suffice."""

    case: str
    contestant: str
    reason: str


class Ready(NamedTuple):
    """A warm contestant: how many calls one measurement takes, its compilation, its memory, what it found."""

    run: Run
    calls: int
    compiling: float
    memory: int | None
    outcome: dict[str, float]


def chosen(contestant: str, against: frozenset[str] | None) -> bool:
    """Whether a contestant is timed: ours and the yardstick always, of the peers all, or those asked for.

    A peer's name begins with the name of its package: `torch` asks for "torch", "torch eager" and "torch, compiled".
    """
    own = contestant.startswith(OURS) or contestant == YARDSTICK
    return own or against is None or any(named(contestant, peer) for peer in against)


def named(contestant: str, peer: str) -> bool:
    """Whether the first words of a contestant's name are those of a peer."""
    return contestant == peer or contestant.startswith((f"{peer} ", f"{peer},"))


def measure(
    case: Case, against: frozenset[str] | None = None, repeats: int = 5, shortest: float = 0.05
) -> tuple[list[Timing], list[Missing]]:
    """Time all contestants of a case, or those that are `chosen`.

    A call below `shortest` seconds is repeated within one measurement: the clock is not free. Before each measurement
    the contestant does the same once untimed: a library's first call after another's is slower.
    """
    ready: dict[str, Ready] = {}
    missing = []
    for name, prepare in case.contestants.items():
        if chosen(name, against):
            try:
                ready[name] = _prepared(prepare, shortest)
            except (ImportError, *NO_ROOM) as error:
                missing.append(Missing(case.name, name, (str(error) or type(error).__name__).splitlines()[0]))
    names, seconds = list(ready), {name: [] for name in ready}
    gc.collect()
    order = np.random.default_rng(0)
    for _ in range(repeats):
        # who comes after a library whose threads still spin must not be always the same, nor timed at once: the
        # engine's calls of 30 ms took 40 there
        for name in order.permutation(names):
            _seconds(ready[name].run, ready[name].calls)
            seconds[name].append(_seconds(ready[name].run, ready[name].calls))
    return [
        Timing(case.name, case.sizes, name, *_quartiles(seconds[name]), r.compiling, r.memory, repeats, r.outcome)
        for name, r in ready.items()
    ], missing


def _prepared(prepare: Prepare, shortest: float) -> Ready:
    """Compile, warm up, and call once more for its memory and how long it takes."""
    begin = time.perf_counter()
    run = prepare()
    compiling = time.perf_counter() - begin
    outcome = {name: float(np.mean(value)) for name, value in jax.block_until_ready(run()).items()}
    first = time.perf_counter() - begin - compiling
    once = []
    taken = memory.taken(lambda: once.append(_seconds(run, 1)))
    compiling += max(0.0, first - once[0])  # some compile at their first call
    told = outcome.pop(MEMORY, None)
    calls = max(1, math.ceil(shortest / max(*once, 1e-7)))
    return Ready(run, calls, compiling, taken if told is None else round(told), outcome)


def _seconds(run: Run, calls: int) -> float:
    """Mean seconds of a call, each blocked until its result is there."""
    begin = time.perf_counter()
    for _ in range(calls):
        jax.block_until_ready(run())
    return (time.perf_counter() - begin) / calls


def _quartiles(seconds: list[float]) -> tuple[float, float, float]:
    """Median, lower and upper quartile."""
    low, middle, high = np.quantile(seconds, (0.25, 0.5, 0.75))
    return float(middle), float(low), float(high)
