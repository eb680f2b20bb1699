"""JAX's cache of compiled programs, mended: a process killed while it wrote, or a full disk, leaves half an entry.

JAX warns in two lines whenever it meets such an entry, compiles, and leaves it as it is. Here it is removed, so that
the program just compiled takes its place, and told in one line.
"""

import contextlib
import re
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from dlnotes.lab.progress import Progress

COMPLAINT = re.compile(r"Error (reading|writing) persistent compilation cache entry for '(.*?)': (.*)", re.DOTALL)


@contextlib.contextmanager
def mended(progress: Progress) -> Iterator[None]:
    """Within it the cache's warnings are notes, and entries that cannot be read are removed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("always", "Error (reading|writing) persistent compilation cache")
        show = warnings.showwarning

        def told(message: Warning | str, *place: Any, **more: Any) -> None:
            found = COMPLAINT.match(str(message))
            if found is None:
                show(message, *place, **more)
                return
            what, name, reason = found.groups()
            reason = reason.splitlines()[0]
            if what == "writing":
                progress.note(f"{name} is compiled, but not kept for the next time: {reason}")
                return
            remove_damaged(Path(jax.config.jax_compilation_cache_dir or ""), name)
            progress.note(f"{name} is compiled again: its entry in the cache cannot be read ({reason})")

        warnings.showwarning = told
        yield


def remove_damaged(folder: Path, name: str) -> None:
    """Delete the cache's entries of a program that cannot be unpacked."""
    for path in folder.glob(f"{name}-*-cache"):
        if not unpacks(path):
            with contextlib.suppress(OSError):  # a cache that is not ours to write
                path.unlink()


def unpacks(path: Path) -> bool:
    """Whether JAX can unpack an entry: zlib tells by its checksum; what zstandard packed (rare) counts as damaged."""
    try:
        return bool(zlib.decompress(path.read_bytes()))
    except (OSError, zlib.error):
        return False
