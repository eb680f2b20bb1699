"""Where data sets come from (`sources.toml`), where their files lie here, and their bytes, checked."""

import difflib
import functools
import gzip
import hashlib
import io
import os
import tomllib
from importlib import resources
from pathlib import Path
from typing import NamedTuple


class File(NamedTuple):
    """One file of a data set: where it is in the package; its size and SHA-256, unpacked if its name ends in .gz."""

    name: str
    member: str
    bytes: int
    sha256: str


class Source(NamedTuple):
    """A data set: what it is, its licence and classes, and the package that has its files (see `sources.toml`)."""

    name: str
    what: str
    licence: str
    classes: tuple[str, ...]
    files: tuple[File, ...] = ()
    client: str = ""
    package: str = ""
    version: str = ""
    megabytes: float = 0.0
    archive: str = ""
    system: str = ""

    @property
    def origin(self) -> str:
        """The package in words."""
        return f"{self.client} package {self.package} {self.version}".strip() if self.client else "a dependency"


@functools.cache
def sources() -> dict[str, Source]:
    """All data sets by name, smallest first."""
    table = tomllib.loads(resources.files("dlnotes.data").joinpath("sources.toml").read_text("utf-8"))
    return {name: _source(name, entry) for name, entry in table.items()}


def find(name: str) -> Source:
    """The data set of this name; raises `ValueError` with the nearest name."""
    known = sources()
    if name not in known:
        nearest = difflib.get_close_matches(str(name), known, n=1, cutoff=0.0)[0]
        raise ValueError(f"unknown dataset {name!r}, did you mean {nearest!r}? There are: {', '.join(known)}")
    return known[name]


def home(source: Source) -> Path:
    """Where its files are put: `$DLNOTES_DATA/NAME` if that is set, else dlnotes/data/NAME in the user's cache."""
    own = os.environ.get("DLNOTES_DATA")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dlnotes" / "data"
    return (Path(own) if own else cache) / source.name


def folders(source: Source) -> list[Path]:
    """Where its files are looked for: their home, and where the installed package would have them."""
    return [home(source)] + ([Path(source.system)] if source.system else [])


def locate(source: Source, file: File) -> Path | None:
    """The file where it lies, packed or not; None if it is nowhere."""
    plain = file.name.removesuffix(".gz")
    candidates = (folder / name for folder in folders(source) for name in (plain, plain + ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def folder(source: Source) -> Path | None:
    """The folder its files lie in, that of the first; None if that is nowhere or the data come with a dependency."""
    path = locate(source, source.files[0]) if source.files else None
    return path.parent if path else None


def read(source: Source, file: File) -> bytes:
    """The unpacked bytes of a file.

    Raises `FileNotFoundError` if it is nowhere, `ValueError` if it is damaged or another file; both name the mend.
    """
    path = locate(source, file)
    if path is None:
        places = ", ".join(map(str, folders(source)))
        raise FileNotFoundError(
            f"{source.name}: {file.name} is in none of {places}: `dlnotes data get {source.name}` fetches it"
            f" ({source.origin}, {source.megabytes:g} MB); or use dataset=digits, which needs no file"
        )
    mend = f"delete it and run `dlnotes data get {source.name}`, or use dataset=digits, which needs no file"
    return check(path.read_bytes(), path.name, source, file, str(path), mend)


def check(content: bytes, name: str, source: Source, file: File, place: str, mend: str) -> bytes:
    """`content`, unpacked if `name` ends in .gz, known to be the file; never unpacks more than its size.

    Raises `ValueError` naming `place`, where the content was found, and ending with `mend`, what to do.
    """
    wrong = f"{place} is not the {file.name} of {source.name}"
    if name.endswith(".gz"):
        try:
            with gzip.open(io.BytesIO(content)) as stream:
                content = stream.read(file.bytes + 1)
        except (OSError, EOFError) as error:
            raise ValueError(f"{wrong}: it cannot be unpacked ({error}); {mend}") from error
    if len(content) != file.bytes:
        more = "more than " if len(content) > file.bytes else ""
        raise ValueError(f"{wrong}: {more}{min(len(content), file.bytes):,} bytes, wanted {file.bytes:,}; {mend}")
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise ValueError(f"{wrong}: SHA-256 {digest[:12]}…, wanted {file.sha256[:12]}…; {mend}")
    return content


def _source(name: str, entry: dict) -> Source:
    files = tuple(File(file, **place) for file, place in entry.pop("files", {}).items())
    return Source(name, classes=tuple(entry.pop("classes")), files=files, **entry)
