"""Checkpoints by orbax: the last two of a program, each with a digest so that damage is noticed.

Every process writes its own trials; another number of devices reads them as its own.
"""

import hashlib
import json
import math
import os
import re
import shutil
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dlnotes.lab import hush, processes
from dlnotes.lab.errors import LabError, RunFailed
from dlnotes.lab.files import atomic_write
from dlnotes.lab.progress import Progress

DEFAULT_SECONDS = 15.0


def interval() -> float:
    """Seconds of running between checkpoints: $DLNOTES_CHECKPOINT_SECONDS, else 15."""
    given = os.environ.get("DLNOTES_CHECKPOINT_SECONDS") or DEFAULT_SECONDS
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise LabError(f"$DLNOTES_CHECKPOINT_SECONDS is a number of seconds, 0 or more; got {given!r}")
    return seconds


class Checkpoints:
    """The checkpoints of one program, in a folder of its own."""

    def __init__(self, folder: Path, progress: Progress):
        self.folder = folder.absolute()
        self.progress = progress
        self.seconds = interval()
        self.newest = time.monotonic()

    def due(self) -> bool:
        """Whether the newest checkpoint is old enough for another, by the first process's clock."""
        return bool(processes.everyone(time.monotonic() - self.newest >= self.seconds)[0])

    def save(self, step: int, payload: Any, force: bool = False) -> None:
        """Write a checkpoint of `payload` after `step` steps, if one is due; keep the last two."""
        if not (force or self.due()):
            return
        with processes.together():
            processes.gathered(lambda: self.write(step, payload))
        if processes.first():
            self.forget()
        self.newest = time.monotonic()

    def write(self, step: int, payload: Any) -> None:
        """Write one checkpoint, its digest last."""
        import orbax.checkpoint as ocp

        hush.orbax()
        options = ocp.CheckpointManagerOptions(max_to_keep=2, create=True, enable_async_checkpointing=False)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with ocp.CheckpointManager(self.folder / "steps", options=options) as manager:
                manager.save(step, args=ocp.args.StandardSave(flat(payload)))
                manager.wait_until_finished()
            if processes.first():
                atomic_write(self.digest_file(step), json.dumps(digest(self.folder / "steps" / str(step))))
        except (OSError, ValueError) as error:
            raise RunFailed(
                f"cannot write a checkpoint in {self.folder}: {reason(error)}; mend it and run the same command again"
            ) from error

    def forget(self) -> None:
        """Remove the digests of checkpoints that orbax has removed."""
        for old in self.folder.glob("*.json"):
            if not (self.folder / "steps" / old.stem).is_dir():
                old.unlink()

    def restore(self, like: Any, label: str) -> tuple[Any, int]:
        """The newest sound checkpoint as (payload, step), or (`like`, 0); damaged ones are named and removed."""
        step = int(processes.everyone(self.newest_sound() if processes.first() else 0)[0])
        if not step:
            return like, 0
        self.progress.note(f"going on from step {step} of {label}")
        return self.read(step, like), step

    def newest_sound(self) -> int:
        """The step of the newest checkpoint that is whole, or 0; what a killed write left is removed."""
        steps = self.folder / "steps"
        for unfinished in steps.glob("*.orbax-checkpoint-tmp*"):
            shutil.rmtree(unfinished)
        found = sorted((int(p.name) for p in steps.glob("*") if p.name.isdigit() and p.is_dir()), reverse=True)
        for place, step in enumerate(found):
            damage = self.damage(step)
            if damage is None:
                self.remove_halves(found[place + 1 :])
                return step
            if damage:
                self.progress.note(f"checkpoint {steps / str(step)} is damaged ({damage}); the one before it is used")
            shutil.rmtree(steps / str(step))
        return 0

    def remove_halves(self, older: list[int]) -> None:
        """Remove what is left of checkpoints whose removal a kill cut off: orbax would warn of them."""
        for step in older:
            if self.damage(step) is not None:
                shutil.rmtree(self.folder / "steps" / str(step))

    def damage(self, step: int) -> str | None:
        """None for a sound checkpoint, '' for one whose writing was cut off, else the file that does not match."""
        try:
            wanted = dict(json.loads(self.digest_file(step).read_text()))
        except FileNotFoundError:
            return ""
        except (OSError, ValueError, TypeError):
            return self.digest_file(step).name
        actual = digest(self.folder / "steps" / str(step))
        wrong = [name for name in {**wanted, **actual} if wanted.get(name) != actual.get(name)]
        return min(wrong) if wrong else None

    def read(self, step: int, like: Any) -> Any:
        """The payload of a sound checkpoint, placed on the devices as `like` is.

        Rows beyond those that were stored, which other numbers of devices are filled up with, are 0.
        """
        import orbax.checkpoint as ocp

        leaves, structure = jax.tree.flatten(like)
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, flat(like))
        with ocp.CheckpointManager(self.folder / "steps") as manager:
            stored = manager.restore(step, args=ocp.args.StandardRestore(abstract, strict=False))
        return jax.tree.unflatten(structure, [as_was(stored.get(name(i)), leaf) for i, leaf in enumerate(leaves)])

    def digest_file(self, step: int) -> Path:
        return self.folder / f"{step}.json"


def name(index: int) -> str:
    """The name of a leaf on disk."""
    return f"{index:04d}"


def flat(tree: Any) -> dict[str, Any]:
    """A pytree as a flat dict of its leaves: orbax would turn tuples into lists, and cannot save empty arrays.

    Random keys are stored as their numbers, whose rows can be cut and filled up.
    """
    return {name(i): numbers(leaf) for i, leaf in enumerate(jax.tree.leaves(tree)) if leaf.size}


def is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def numbers(leaf: Any) -> Any:
    """A leaf as orbax keeps it."""
    return jax.random.key_data(leaf) if is_key(leaf) else leaf


def as_was(stored: Any, leaf: Any) -> Any:
    """What was stored as the kind of array that `leaf` is; `leaf` itself where it is empty."""
    if stored is None:
        return leaf
    if is_key(leaf):
        return jax.random.wrap_key_data(stored, impl=jax.random.key_impl(leaf))
    return np.array(stored) if isinstance(leaf, np.ndarray) else stored


def reason(error: Exception) -> str:
    """Why a write failed: what the system said of it, where TensorStore put half a page around that."""
    text = str(error).splitlines()[0]
    said = re.search(r"([^:]+) \[os_error_code", text)
    return said.group(1).strip() if said else text


def digest(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder`, by relative path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
