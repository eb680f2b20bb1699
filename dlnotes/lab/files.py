"""Files that a reader sees whole or not at all."""

import contextlib
import os
import tempfile
import time
from pathlib import Path

from dlnotes.lab.errors import LabError, RunFailed


def atomic_write(path: Path, data: bytes | str) -> None:
    """Write `data` to `path`: through a temporary file beside it, flushed to disk, then renamed over it.

    Raises `RunFailed` naming the path where the disk is full or the folder cannot be written; the old file stays.
    """
    content = data.encode() if isinstance(data, str) else data
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise RunFailed(
            f"cannot write {path}: {error.strerror or error}; free the disk or choose another folder"
        ) from error


def sweep_temporaries(folder: Path, older: float = 0.0) -> None:
    """Delete what a killed `atomic_write` left in `folder`, if it is `older` than so many seconds."""
    for leftover in folder.glob(".*.tmp"):
        with contextlib.suppress(FileNotFoundError):
            if not older or time.time() - leftover.stat().st_mtime > older:
                leftover.unlink()


def writable_folder(folder: Path) -> Path:
    """Create `folder` where needed and return its absolute path; raises `LabError` if it cannot hold files."""
    with contextlib.suppress(RuntimeError):  # a user that does not exist: the name is taken as it is
        folder = folder.expanduser()
    folder = folder.absolute()
    try:
        if folder.exists() and not folder.is_dir():
            raise LabError(f"{folder} is a file, a folder is wanted; name another folder or move the file away")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise LabError(
            f"cannot write in {folder}: {error.strerror or error}; name a folder that you may write"
        ) from error
    return folder
