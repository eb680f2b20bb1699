"""Ctrl-C, or SIGTERM from a scheduler: the current segment is finished and kept, then the run stops."""

import signal
import threading
from types import FrameType
from typing import NoReturn

from dlnotes.lab import processes
from dlnotes.lab.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """While entered, the first signal is noted and the second acts at once."""

    def __init__(self, progress):
        self.requested = False
        self.progress = progress
        self.before = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self.note) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def note(self, _signal: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        self.progress.note("stopping after this segment; Ctrl-C again stops at once")

    def agreed(self) -> bool:
        """Whether any process has been asked to stop: then all do."""
        return bool(processes.everyone(self.requested).any())

    def check(self, place: str) -> None:
        """Stop here if this process has been asked to."""
        if self.requested:
            self.stop(place)

    def stop(self, place: str) -> NoReturn:
        """Raise `Interrupted`."""
        raise Interrupted(f"stopped in {place}; what is done is kept: the same command goes on from there")
