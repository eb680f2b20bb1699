"""Errors of code that others wrote: one line that names its file and line instead of a traceback."""

from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from dlnotes.lab.errors import LabError

NOBODYS = ("JaxRuntimeError", "XlaRuntimeError", "MemoryError")  # what the machine could not do


class blame(AbstractContextManager):
    """`with blame(path):` turns whatever the code of `path` raises into a `LabError` naming file, line and error.

    Ctrl-C passes, and what the machine could not do. `raises` is the kind of error wanted: `RunFailed` where the run
    has begun.
    """

    def __init__(self, path: Path, doing: str = "", raises: type[LabError] = LabError):
        self.path, self.doing, self.raises = path, doing, raises

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, Exception | SystemExit) or type(error).__name__ in NOBODYS:
            return
        line = line_in(self.path, error, trace)
        place = f"{self.path}, line {line}" if line else str(self.path)
        doing = f"{self.doing}: " if self.doing else ""
        wanted = type(error) if isinstance(error, LabError) else self.raises
        raise wanted(f"{place}: {doing}{what(error)}") from error


def line_in(path: Path, error: BaseException, trace: TracebackType | None) -> int | None:
    """The innermost line of `path` in the traceback, or where its syntax is wrong."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def what(error: BaseException) -> str:
    """The error in one line of at most 300 characters."""
    if isinstance(error, SystemExit):
        return "the file leaves Python; an experiment file only defines (guard the rest: if __name__ == '__main__')"
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    name = "" if isinstance(error, LabError) else type(error).__name__
    return ": ".join(part for part in (name, first[:300]) if part)
