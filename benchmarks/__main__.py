"""python -m benchmarks [NAME...] [--only CASE] [--against PEER,...] [--quick] [--json [FILE]] [--device]"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from types import ModuleType

import jax

from benchmarks.measure import Timing, measure, named
from benchmarks.table import append, file_name, measured, records, table
from dlnotes.lab import devices

FOLDER = Path(__file__).parent
AFTERWARDS = "dlnotes run headline --preset full"


class Parser(argparse.ArgumentParser):
    def error(self, message: str):
        """One line, without the usage."""
        print(f"benchmarks: {message}", file=sys.stderr)
        sys.exit(2)


def names() -> list[str]:
    """Every benchmark: a file of this folder with a function `cases(quick)` that gives `measure.Case`s.

    Each case is measured before the next is made. A benchmark may have `conclude(timings)`, which gives the timings
    back with more outcomes; and X64, for 64-bit numbers.
    """
    return sorted(path.stem for path in FOLDER.glob("*.py") if "\ndef cases(" in path.read_text(encoding="utf-8"))


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line; exits with 2 and one line where it is wrong."""
    parser = Parser("benchmarks", description="Time dlnotes against its peers.", allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which (default all): {', '.join(names())}")
    parser.add_argument("--only", default="", metavar="CASE", help="only cases in whose name or sizes this occurs")
    parser.add_argument("--against", metavar="PEER,...", help="only these peers (default all): torch, scipy, ...")
    parser.add_argument("--quick", action="store_true", help="small sizes only")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="measurements of each, 5 or more")
    parser.add_argument("--json", nargs="?", const="", metavar="FILE", help="also add records to FILE "
                        "(default benchmarks/results/DEVICE.json)")  # fmt: skip
    parser.add_argument("--device", action="store_true", help="on the accelerator that JAX sees, records kept")
    given = parser.parse_args(words)
    for name in given.names:
        if name not in names():
            parser.error(f"no benchmark is called {name!r}; there are {', '.join(names())}")
    if given.repeats < 5:
        parser.error(f"--repeats is 5 or more, got {given.repeats}")
    given.names = given.names or names()
    given.against = None if given.against is None else frozenset(filter(None, given.against.split(",")))
    return given


def main(words: Sequence[str] | None = None) -> int:
    """Run benchmarks, print a table for each, keep records where asked; returns the exit code."""
    given = arguments(words)
    devices.configure()
    device = devices.describe()
    if given.device and device["platform"] == "cpu":
        return complain("--device wants an accelerator, JAX sees only the CPU; leave it out or install JAX for yours")
    jax.config.update("jax_enable_compilation_cache", False)  # compile times are those of a first run
    benchmarks = {name: import_module(f"benchmarks.{name}") for name in given.names}
    strangers = unknown(benchmarks.values(), given.against or frozenset())
    if strangers:
        return complain(f"{', '.join(benchmarks)}: no peer is called {', '.join(strangers)}")
    for name, benchmark in benchmarks.items():
        timings = run(name, benchmark, given)
        if given.device or given.json is not None:
            append(Path(given.json or FOLDER / "results" / file_name(device)), records(name, timings, device))
    if given.device:
        print(f"The headline experiments at the size for this device: {AFTERWARDS}")
    return 0


def complain(message: str) -> int:
    """One line on stderr; returns the exit code."""
    print(f"benchmarks: {message}", file=sys.stderr)
    return 2


def unknown(benchmarks: Iterable[ModuleType], peers: frozenset[str]) -> list[str]:
    """The peers that none of the benchmarks has, at quick sizes."""
    there = set()
    for benchmark in benchmarks if peers else ():
        with numbers(benchmark):
            there |= {who for case in benchmark.cases(True) for who in case.contestants}
    return sorted(peer for peer in peers if not any(named(who, peer) for who in there))


def numbers(benchmark: ModuleType) -> AbstractContextManager:
    """With 64 bits or 32, as the benchmark wants them."""
    return jax.enable_x64(getattr(benchmark, "X64", False))


def run(name: str, benchmark: ModuleType, given: argparse.Namespace) -> list[Timing]:
    """The timings of one benchmark, printed as a table; who is missing is said."""
    timings, missing = [], []
    with numbers(benchmark):
        for case in benchmark.cases(given.quick):
            if given.only not in f"{case.name} {measured(case.sizes)}":
                continue
            some, absent = measure(case, given.against, given.repeats)
            timings, missing = timings + some, missing + absent
            print(f"{name}: {case.name} done", file=sys.stderr)
    if not timings:
        print(f"{name}: no case has {given.only!r} in its name or sizes")
        return []
    timings = getattr(benchmark, "conclude", list)(timings)
    print(f"{name}: {(benchmark.__doc__ or '').splitlines()[0]}\n\n{table(timings)}\n")
    for case, contestant, reason in missing:
        print(f"{case}: {contestant} is missing ({reason})")
    return timings


if __name__ == "__main__":
    sys.exit(main())
