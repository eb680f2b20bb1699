"""How contestants are timed: in one process, on the same data, in turns, after a warm-up, until they are ready."""

import gc
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

OURS = "dlnotes"
Run = Callable[[], Mapping[str, Any]]
Prepare = Callable[[], Run]


class Case(NamedTuple):
    """One problem, and who solves it: `dlnotes` and its peers, by name.

    `contestants` map a name to prepare() → run: what `prepare` does is timed as compilation; run() solves the problem
    once and returns numbers that show it did. A peer that is not installed raises ImportError in `prepare`.
    """

    name: str
    sizes: Mapping[str, int]
    contestants: Mapping[str, Prepare]


class Timing(NamedTuple):
    """Seconds of one contestant: the median, both quartiles, and those before the first call."""

    case: str
    sizes: Mapping[str, int]
    contestant: str
    seconds: float
    low: float
    high: float
    compile_seconds: float
    repeats: int
    outcome: Mapping[str, float]


class Missing(NamedTuple):
    """A contestant that is not installed."""

    case: str
    contestant: str
    reason: str


def measure(
    case: Case, against: frozenset[str] | None = None, repeats: int = 5, shortest: float = 0.002
) -> tuple[list[Timing], list[Missing]]:
    """Time all contestants of a case, or those named in `against` and all whose names begin with `dlnotes`.

    A call below `shortest` seconds is repeated within one measurement, as the clock and Python's call are not free.
    """
    ready, missing = {}, []
    for name, prepare in case.contestants.items():
        if against is None or name.startswith(OURS) or name in against:
            try:
                ready[name] = _prepared(prepare, shortest)
            except ImportError as error:
                missing.append(Missing(case.name, name, str(error)))
    seconds: dict[str, list[float]] = {name: [] for name in ready}
    gc.collect()
    for turn in range(repeats):
        names = list(ready)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            run, calls, *_ = ready[name]
            seconds[name].append(_seconds(run, calls))
    return [
        Timing(case.name, case.sizes, name, *_quartiles(seconds[name]), compiling, repeats, outcome)
        for name, (_, _, compiling, outcome) in ready.items()
    ], missing


def _prepared(prepare: Prepare, shortest: float) -> tuple[Run, int, float, dict[str, float]]:
    """The warm contestant, how many calls one measurement takes, its compilation, what it found."""
    begin = time.perf_counter()
    run = prepare()
    compiling = time.perf_counter() - begin
    outcome = {name: float(np.mean(value)) for name, value in jax.block_until_ready(run()).items()}
    return run, max(1, math.ceil(shortest / max(_seconds(run, 1), 1e-7))), compiling, outcome


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
