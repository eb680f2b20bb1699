"""Progress of a run: a live display on a terminal, a few plain lines elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Live
from rich.table import Column

from dlnotes.cli.tables import is_live, say
from dlnotes.lab.progress import Progress


class Shown(Progress):
    """A display: used in a `with`, so that a terminal is left as it was found."""

    def __init__(self, console: Console):
        self.console = console
        self.label, self.size, self.compile_seconds = "", "", 0.0

    def __enter__(self) -> "Shown":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Leave the display."""

    def program(self, study: str, label: str, trials: int, steps: int) -> None:
        self.label, self.compile_seconds = label, 0.0
        self.size = f"{trials} trials" + (f" of {steps} steps" if steps else "")

    def compiled(self, seconds: float) -> None:
        self.compile_seconds = seconds

    def finished(self, seconds: float) -> None:
        self.note(f"{self.label}: {self.size}, compiled in {self.compile_seconds:.1f} s, ran {seconds:.1f} s")

    def note(self, text: str) -> None:
        say(self.console, text)


class PlainProgress(Shown):
    """One line for each program, and one every `pause` seconds while it runs."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic, pause: float = 5.0):
        super().__init__(console)
        self.clock, self.pause = clock, pause
        self.said = self.began = clock()
        self.first: int | None = None

    def program(self, study: str, label: str, trials: int, steps: int) -> None:
        super().program(study, label, trials, steps)
        self.said, self.first = self.clock(), None

    def advance(self, done: int, total: int) -> None:
        now = self.clock()
        if self.first is None:
            self.first, self.began = done, now
        if now - self.said < self.pause or done >= total:
            return
        self.said = now
        left = (now - self.began) * (total - done) / max(done - self.first, 1)
        self.note(f"{self.label}: step {done} of {total}, about {left:.0f} s left")


class LiveProgress(Shown):
    """A bar for the program that runs, a line for each that has ended."""

    def __init__(self, console: Console):
        super().__init__(console)
        self.live = Live(
            SpinnerColumn(),
            TextColumn("{task.description}", table_column=Column(ratio=3, no_wrap=True, overflow="ellipsis")),
            BarColumn(bar_width=None, table_column=Column(ratio=2)),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            expand=True,
            transient=True,
            refresh_per_second=4,
        )
        self.task: TaskID | None = None

    def __enter__(self) -> "LiveProgress":
        self.live.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.live.stop()

    def program(self, study: str, label: str, trials: int, steps: int) -> None:
        super().program(study, label, trials, steps)
        self.clear()
        self.task = self.live.add_task(f"{label}: compiling", total=None)

    def compiled(self, seconds: float) -> None:
        super().compiled(seconds)
        if self.task is not None:
            self.live.update(self.task, description=self.label)

    def advance(self, done: int, total: int) -> None:
        if self.task is not None:
            self.live.update(self.task, description=self.label, completed=done, total=total)

    def finished(self, seconds: float) -> None:
        self.clear()
        super().finished(seconds)

    def clear(self) -> None:
        """Take the bar away."""
        if self.task is not None:
            self.live.remove_task(self.task)
            self.task = None


def watch(console: Console) -> Shown:
    """The display that suits where the output goes."""
    return LiveProgress(console) if is_live(console) else PlainProgress(console)
