"""Ctrl-C: the current segment is finished and kept, then the run stops."""

import signal
import threading
from types import FrameType

from dlnotes.lab.errors import Interrupted


class Interruption:
    """While entered, the first Ctrl-C is noted and the second acts at once."""

    def __init__(self, progress):
        self.requested = False
        self.progress = progress
        self.before = None

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self.before = signal.signal(signal.SIGINT, self.note)
        return self

    def __exit__(self, *_: object) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)

    def note(self, _signal: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        self.progress.note("stopping after this segment; Ctrl-C again stops at once")

    def check(self, place: str) -> None:
        """Raise `Interrupted` if Ctrl-C was pressed."""
        if self.requested:
            raise Interrupted(f"stopped in {place}; what is done is kept: the same command goes on from there")
