"""A process that has imported everything and forks one life for each line of JSON it reads.

Importing takes most of a short life. JAX has not been started when a life begins, so that a fork is as good as a new
process.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class End:
    """How a life ended: its exit code, or minus the signal that killed it, its seconds, and what it had printed."""

    code: int
    seconds: float
    cpu: float
    text: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Zygote:
    """The door to the process: `with Zygote(folder) as zygote: zygote.live(...)`."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "tmp").mkdir(parents=True)
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self.folder / "tmp"),
            "DLNOTES_CHECKPOINT_SECONDS": "0",
            "OPENBLAS_NUM_THREADS": "1",  # its threads would not survive the fork
        }
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([sys.executable, __file__], env=environment, stdin=pipe, stdout=pipe, text=True)

    def __enter__(self) -> "Zygote":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait()

    def live(
        self,
        words: list[str],
        diary: Path,
        watched: dict[str, Path],
        cache: Path,
        order: dict[str, Any],
        after: float | None = None,
    ) -> End:
        """One life; killed from outside `after` seconds where given."""
        output = diary.with_suffix(".txt")
        request = {
            "words": words,
            "diary": str(diary),
            "watched": {name: str(path) for name, path in watched.items()},
            "order": order,
            "output": str(output),
            "cache": str(cache),
            "after": after,
        }
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return End(**json.loads(self.process.stdout.readline()), text=output.read_text())


def serve() -> None:
    """Fork for each request, kill where asked, answer how it ended."""
    for line in sys.stdin:
        request = json.loads(line)
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            sys.exit(be_born(**request))
        while True:
            done, status, usage = os.wait4(child, os.WNOHANG)
            if done:
                break
            if request["after"] is not None and time.monotonic() - began > request["after"]:
                os.kill(child, signal.SIGKILL)
                request["after"] = None
            time.sleep(0.002)
        code, cpu = os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime
        print(json.dumps({"code": code, "seconds": time.monotonic() - began, "cpu": cpu}), flush=True)


def be_born(words: list[str], diary: str, watched: dict[str, str], order: dict, output: str, cache: str, **_) -> int:
    """Leave the zygote's streams and live."""
    import victim

    os.environ["DLNOTES_CACHE"] = cache
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(handle, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    return victim.live(words, Path(diary), watched, order)


def imported() -> None:
    """Import what a life needs, and start nothing."""
    import h5netcdf  # noqa: F401
    import orbax.checkpoint  # noqa: F401
    import scipy.linalg
    import scipy.stats  # noqa: F401
    import victim  # noqa: F401

    import dlnotes.lab.report  # noqa: F401


if __name__ == "__main__":
    imported()
    serve()
