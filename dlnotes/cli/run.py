"""`dlnotes run` and `dlnotes report`."""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from dlnotes.cli.complaint import complain
from dlnotes.cli.progress import Shown, watch
from dlnotes.cli.tables import counted, say, screen
from dlnotes.cli.verdicts import Outcome, as_record, judge_together, print_verdicts
from dlnotes.lab import devices, engine, processes, settings, words
from dlnotes.lab.discover import Entry, load, resolve
from dlnotes.lab.errors import Interrupted, LabError
from dlnotes.lab.experiment import Experiment
from dlnotes.lab.files import writable_folder


@dataclass(frozen=True)
class Order:
    """What a command line asks for."""

    experiments: tuple[str, ...]
    preset: str = "standard"
    seeds: int | None = None
    sets: tuple[str, ...] = ()
    sweeps: tuple[str, ...] = ()
    runs: Path = Path("runs")
    group: int | None = None
    fresh: bool = False
    as_json: bool = False
    coordinator: str | None = None
    processes: int | None = None
    process: int | None = None


class Planned(NamedTuple):
    """An experiment whose settings have been checked."""

    experiment: Experiment
    overrides: dict[str, Any]
    seeds: int
    warning: str | None


@dataclass
class Faults:
    """The errors of a call: each told at once on stderr, the worst decides the exit code."""

    told: list[dict[str, Any]] = field(default_factory=list)
    alone: bool = False

    def add(self, name: str, error: LabError) -> None:
        message = " ".join(f"{name}: {error}".split())
        complain(message, error.exit_code)
        self.alone |= isinstance(error, processes.Lost)
        self.told.append({"experiment": name, "message": message, "exit_code": error.exit_code})

    @property
    def exit_code(self) -> int:
        return max((fault["exit_code"] for fault in self.told), default=0)


def run(order: Order) -> int:
    """Check all experiments, run those that are sound, one by one, print their verdicts; returns the exit code."""
    entries = resolve(order.experiments)
    writable_folder(order.runs)
    devices.configure()
    processes.start(order.coordinator, order.processes, order.process)
    if processes.several():
        keep_output_clean()
    faults = Faults()
    planned = [plan for entry in entries if (plan := plan_one(entry, order, faults))]
    with watch(screen(stderr=True, quiet=not processes.first())) as progress:
        outcomes = judge_together(run_all(planned, order, progress, faults))
    if faults.alone:
        leave(faults.exit_code)
    if not processes.first():
        return faults.exit_code
    console = screen()
    if order.as_json:
        print(json.dumps({"runs": [as_record(outcome) for outcome in outcomes], "errors": faults.told}, indent=1))
    elif outcomes:
        print_verdicts(console, outcomes)
        say(console, f"stored in {order.runs}; `dlnotes report{runs_option(order.runs)}` writes the report")
    return faults.exit_code


def keep_output_clean() -> None:
    """What XLA prints on standard output goes to standard error: its library for several hosts would mix with ours."""
    sys.stdout.flush()
    ours = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(ours, "w", encoding=sys.stdout.encoding, errors="backslashreplace")


def leave(code: int) -> NoReturn:
    """Leave at once: JAX would wait for the process that was lost, and then abort with a trace of its own."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def plan_one(entry: Entry, order: Order, faults: Faults) -> Planned | None:
    """Load an experiment and check what is asked of it; None, and a fault, where it cannot be run."""
    try:
        experiment = load(entry)
        overrides = words.overrides(experiment, order.preset, order.sets, order.sweeps)
        resolved, seeds = settings.apply(experiment, order.preset, overrides, order.seeds)
        usual, _ = settings.apply(experiment, order.preset)
        return Planned(experiment, overrides, seeds, settings.many_programs(resolved, usual))
    except LabError as error:
        faults.add(entry.name, error)
    return None


def run_all(planned: list[Planned], order: Order, progress: Shown, faults: Faults) -> list[Outcome]:
    """Run one experiment after the other; an error in one does not keep the others from running, Ctrl-C does."""
    outcomes = []
    for number, plan in enumerate(planned, start=1):
        name = plan.experiment.name
        progress.note(f"[{number}/{len(planned)}] {name}: {order.preset}, {counted(plan.seeds, 'seed')}")
        if plan.warning:
            progress.note(f"warning: {plan.warning}")
        try:
            done = engine.run(
                plan.experiment,
                preset=order.preset,
                seeds=order.seeds,
                runs=order.runs,
                group=order.group,
                fresh=order.fresh,
                progress=progress,
                overrides=plan.overrides,
            )
        except LabError as error:
            faults.add(name, error)
            if isinstance(error, Interrupted | processes.Lost):
                break
            continue
        if done.reused:
            progress.note(f"{name} was finished before (--fresh runs it again)")
        outcomes.append(Outcome(plan.experiment, done, done.verdicts))
    return outcomes


def runs_option(runs: Path) -> str:
    """The option that names the runs folder, where it is not the usual one."""
    return "" if runs == Path("runs") else f" --runs {runs}"


def write_report(runs: Path, out: Path) -> None:
    """Build the report; its place is the last line printed."""
    from dlnotes.lab import report

    if not runs.exists():
        raise LabError(f"no runs in {runs}; `dlnotes run headline{runs_option(runs)}` makes some")
    devices.configure()
    notes = screen(stderr=True)
    print(report.build(runs, out, note=lambda text: say(notes, text)))
