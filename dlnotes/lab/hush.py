"""Orbax tells of a failed write three times: by the error it raises, by its log, by threads that come too late.

The first is enough: it becomes one line.
"""

import logging
import sys
from typing import Any

REPEATED = "_SignalingThread.run() raised an exception"  # the error is raised where orbax waits for the thread
LATE = "Event loop is closed"  # TensorStore answers an event loop that has ended with the error


def orbax() -> None:
    """Silence the second and the third telling, and nothing else."""
    logging.getLogger("absl").addFilter(unheard)
    if not isinstance(sys.unraisablehook, Late):
        sys.unraisablehook = Late(sys.unraisablehook)


def unheard(record: logging.LogRecord) -> bool:
    """A filter of log records: those that say what is raised anyway are dropped."""
    return REPEATED not in record.getMessage()


class Late:
    """A hook for errors that nobody can catch: drops those of threads whose event loop has ended."""

    def __init__(self, before: Any):
        self.before = before

    def __call__(self, unraisable: Any) -> None:
        if not (unraisable.exc_type is RuntimeError and str(unraisable.exc_value) == LATE):
            self.before(unraisable)
