"""The README's table of speed, from the newest records in benchmarks/results: sweeps, and their share of the limit."""

from collections.abc import Iterable
from pathlib import Path

from dlnotes.lab.report import timings
from dlnotes.lab.report.timings import OURS, Machine, Problem

SHOWN = 16  # networks trained at once, the size at which all contestants are measured
PEERS = {
    "torch eager": "eager",
    "torch eager, a process per core": "eager, a process per core",
    "torch compile": "`torch.compile`",
    "torch func, compiled": "`torch.func`, compiled whole",
}


def text(results: Path, device: str) -> str:
    """The table and what follows from it, of one device."""
    (machine,) = (each for each in timings.find(results, print) if each.name == device)
    sweeps = newest(problems(machine, "sweeps"))
    lines = [
        f"| {SHOWN} networks at once | steps of a network a second | {' | '.join(PEERS.values())} |",
        "| --- " * (2 + len(PEERS)) + "|",
        *(row(problem) for problem in sweeps if problem.sizes["trials"] == SHOWN),
        "",
        compared(sweeps),
        "",
        shares(newest(problems(machine, "limit"))),
    ]
    return "\n".join(lines)


def problems(machine: Machine, benchmark: str) -> Iterable[Problem]:
    """The problems of one benchmark."""
    return (problem for each in machine.benchmarks if each.name == benchmark for problem in each.problems)


def newest(found: Iterable[Problem]) -> list[Problem]:
    """The newest measurement of each network at each number of trials: how many steps it took has changed."""
    kept: dict[tuple, Problem] = {}
    for problem in sorted(found, key=lambda each: max(record["date"] for record in each.records)):
        kept[problem.case, problem.sizes["trials"]] = problem
    return sorted(kept.values(), key=lambda each: (each.case, each.sizes["trials"]))


def row(problem: Problem) -> str:
    """One network: our steps a second, and how many times as long each peer takes."""
    by_name = {record["contestant"]: record for record in problem.records}
    ours = by_name[OURS]["outcome"]["trial-steps/s"]
    ratios = [times(problem.ratio(by_name[peer])) if peer in by_name else "" for peer in PEERS]
    return f"| {problem.case} | {float(f'{ours:.3g}'):,.0f} | {' | '.join(ratios)} |"


def times(ratio: float) -> str:
    """Two digits or three."""
    return f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"


def best(problem: Problem) -> tuple[float, str]:
    """The fastest of PyTorch's ways: how many times as long as dlnotes it takes, and which it is."""
    peers = [record for record in problem.records if record["contestant"] in PEERS]
    return min((problem.ratio(record), record["contestant"]) for record in peers)


def compared(sweeps: list[Problem]) -> str:
    """Over all sizes: the best peer's ratios, and where one is ahead."""
    ratios = [best(problem) for problem in sweeps]
    ahead = [
        f"{problem.case} with {problem.sizes['trials']} at once ({PEERS[peer]}: {ratio:.2f})"
        for problem, (ratio, peer) in zip(sweeps, ratios, strict=True)
        if ratio < 1
    ]
    low, high = min(ratios)[0], max(ratios)[0]
    sizes = sorted({problem.sizes["trials"] for problem in sweeps})
    several = f"{', '.join(map(str, sizes[:-1]))} or {sizes[-1]}"
    told = f"ahead is a peer for {'; '.join(ahead)}" if ahead else "no peer is ahead"
    takes = f"the best of PyTorch's ways takes {low:.2f} to {high:.1f} times as long"
    return f"In {len(sweeps)} sweeps, of {several} networks, {takes}; {told}."


def shares(limits: list[Problem]) -> str:
    """What the large networks reach of bare matrix products of their shapes."""
    found = []
    for problem in limits:
        (bare,) = (record for record in problem.records if record["contestant"] == "yardstick")
        found.append(f"{problem.case} {100 * problem.ratio(bare):.0f} %")
    return f"Of the speed of bare matrix products of their shapes the large ones reach: {', '.join(found)}."


if __name__ == "__main__":
    print(text(Path(__file__).resolve().parent.parent / "benchmarks" / "results", "cpu-2"))
