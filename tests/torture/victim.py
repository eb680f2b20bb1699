"""One life: a command of dlnotes that writes down what it does, and may have the order to die at a place.

It writes one JSON line for each file operation below the watched folders (Python's audit events name them just before
they happen), for each number of steps done, and for each note. Nothing in dlnotes knows of this.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from dlnotes.cli import main
from dlnotes.cli import run as command
from dlnotes.cli.progress import PlainProgress

OPERATIONS = {
    "open": "write",
    "os.rename": "rename",
    "os.remove": "remove",
    "os.rmdir": "remove",
    "os.mkdir": "make folder",
}
PARTS_OF_A_RUN = ("checkpoints", "parts")


def live(words: list[str], diary: Path, watched: dict[str, str], order: dict[str, Any]) -> int:
    """Run a command line; the exit code, if the order lets it live so long."""
    Diary(diary, {name: str(Path(folder).absolute()) for name, folder in watched.items()}, Death(**order))
    return main(words)


class Death:
    """The order: at the `nth` operation in `place`, before it happens or, if `late`, as soon as it has begun."""

    def __init__(self, place: str = "", nth: int = 0, late: bool = False):
        self.place, self.left, self.late = place, nth, late
        self.begun = threading.Event()
        if late:
            threading.Thread(target=self.wait, daemon=True).start()

    def meet(self, place: str) -> None:
        """Called before each operation."""
        if place != self.place:
            return
        self.left -= 1
        if self.left == 0:
            self.begun.set() if self.late else die()

    def wait(self) -> None:
        """The thread that acts once the operation has let go of the interpreter, in a write or a flush."""
        self.begun.wait()
        die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Diary:
    """What this process does, line by line, on disk before it goes on."""

    def __init__(self, path: Path, watched: dict[str, str], death: Death):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.watched, self.death, self.tree = watched, death, ""
        sys.addaudithook(self.hear)
        diary = self

        class Told(PlainProgress):
            def program(self, study: str, label: str, trials: int, steps: int) -> None:
                super().program(study, label, trials, steps)
                diary.write(program=label)

            def compiled(self, seconds: float) -> None:
                super().compiled(seconds)
                diary.write(compiled=self.label)

            def advance(self, done: int, total: int) -> None:
                super().advance(done, total)
                diary.write(label=self.label, done=done)

            def note(self, text: str) -> None:
                super().note(text)
                diary.write(note=text)

        command.watch = Told

    def write(self, **line: Any) -> None:
        os.write(self.file, (json.dumps(line) + "\n").encode())

    def hear(self, event: str, arguments: tuple) -> None:
        """The audit hook."""
        if event == "shutil.rmtree":
            self.tree = os.fspath(arguments[0])
        if event not in OPERATIONS or not changes(event, arguments):
            return
        path = arguments[0]
        if not isinstance(path, str | bytes | os.PathLike):
            return
        place = self.place(OPERATIONS[event], os.path.join(self.tree, os.fsdecode(path)))  # noqa: PTH118
        if place:
            self.write(place=place)
            self.death.meet(place)

    def place(self, operation: str, path: str) -> str:
        """'checkpoints: rename' and the like; empty for what lies elsewhere."""
        for name, folder in self.watched.items():
            if not os.path.abspath(path).startswith(folder + os.sep):  # noqa: PTH100
                continue
            if name != "runs":
                return f"{name}: {operation}"
            parts = Path(path).relative_to(folder).parts
            thing = next((part for part in parts if part in PARTS_OF_A_RUN), file_of(parts[-1]))
            return f"{thing}: {operation}"
        return ""


def changes(event: str, arguments: tuple) -> bool:
    """Whether an operation makes or changes something; a folder is often asked for that is there."""
    if event == "open":
        return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event != "os.mkdir" or not os.path.isdir(arguments[0])  # noqa: PTH112


def file_of(name: str) -> str:
    """The file that a temporary is to become, and the file itself."""
    known = ("results.nc", "verdict.json", "figure.svg", "manifest.json", ".lock")
    return next((each for each in known if each in name), "folder")
