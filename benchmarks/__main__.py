"""python -m benchmarks [NAME...] [--against PEER,...] [--quick] [--repeats N] [--json [FILE]]"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import jax

from benchmarks.measure import measure
from benchmarks.table import append, records, table
from dlnotes.lab import devices

FOLDER = Path(__file__).parent
MACHINERY = {"__init__", "__main__", "measure", "table"}


class Parser(argparse.ArgumentParser):
    def error(self, message: str):
        """One line, without the usage."""
        print(f"benchmarks: {message}", file=sys.stderr)
        sys.exit(2)


def names() -> list[str]:
    """Every benchmark: a file of this folder with a function `cases(quick)` that gives `measure.Case`s."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in MACHINERY)


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line; exits with 2 and one line where it is wrong."""
    parser = Parser("benchmarks", description="Time dlnotes against its peers.", allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which (default all): {', '.join(names())}")
    parser.add_argument("--against", metavar="PEER,...", help="only these peers (default all)")
    parser.add_argument("--quick", action="store_true", help="small sizes only")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="measurements of each, 5 or more")
    parser.add_argument("--json", nargs="?", const="", metavar="FILE", help="also add records to FILE "
                        "(default benchmarks/results/DEVICE.json)")  # fmt: skip
    given = parser.parse_args(words)
    for name in given.names:
        if name not in names():
            parser.error(f"no benchmark is called {name!r}; there are {', '.join(names())}")
    if given.repeats < 5:
        parser.error(f"--repeats is 5 or more, got {given.repeats}")
    return given


def main(words: Sequence[str] | None = None) -> int:
    """Run benchmarks, print a table for each, keep records where asked; returns the exit code."""
    given = arguments(words)
    devices.configure()
    jax.config.update("jax_enable_compilation_cache", False)  # compile times are those of a first run
    against = None if given.against is None else frozenset(filter(None, given.against.split(",")))
    device = devices.describe()
    file = Path(given.json or FOLDER / "results" / f"{device['platform']}-{device['count']}.json")
    for name in given.names or names():
        benchmark = import_module(f"benchmarks.{name}")
        timings, missing = [], []
        with jax.enable_x64(getattr(benchmark, "X64", False)):
            cases = list(benchmark.cases(given.quick))
            unknown = sorted((against or frozenset()) - {peer for case in cases for peer in case.contestants})
            if unknown:
                print(f"benchmarks: {name} has no peer {', '.join(unknown)}", file=sys.stderr)
                return 2
            for case in cases:
                some, absent = measure(case, against, given.repeats)
                timings, missing = timings + some, missing + absent
                print(f"{name}: {case.name} done", file=sys.stderr)
        print(f"{name}: {(benchmark.__doc__ or '').splitlines()[0]}\n\n{table(timings)}\n")
        for case, contestant, reason in missing:
            print(f"{case}: {contestant} is missing ({reason})")
        if given.json is not None:
            append(file, records(name, timings, device))
    return 0


if __name__ == "__main__":
    sys.exit(main())
