"""Checkpoints by orbax: the last two of a program, each with a digest so that damage is noticed."""

import hashlib
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from dlnotes.lab.errors import RunFailed
from dlnotes.lab.files import atomic_write
from dlnotes.lab.progress import Progress

DEFAULT_SECONDS = 15.0


def interval() -> float:
    """Seconds of running between checkpoints: $DLNOTES_CHECKPOINT_SECONDS, else 15."""
    return float(os.environ.get("DLNOTES_CHECKPOINT_SECONDS", DEFAULT_SECONDS))


class Checkpoints:
    """The checkpoints of one program, in a folder of its own."""

    def __init__(self, folder: Path, progress: Progress):
        self.folder = folder.absolute()
        self.progress = progress
        self.seconds = interval()
        self.newest = time.monotonic()

    def due(self) -> bool:
        """Whether the newest checkpoint is old enough for another."""
        return time.monotonic() - self.newest >= self.seconds

    def save(self, step: int, payload: Any, force: bool = False) -> None:
        """Write a checkpoint of `payload` after `step` steps, if one is due; keep the last two."""
        if not (force or self.due()):
            return
        import orbax.checkpoint as ocp

        options = ocp.CheckpointManagerOptions(max_to_keep=2, create=True, enable_async_checkpointing=False)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with ocp.CheckpointManager(self.folder / "steps", options=options) as manager:
                manager.save(step, args=ocp.args.StandardSave(flat(payload)))
                manager.wait_until_finished()
            atomic_write(self.digest_file(step), json.dumps(digest(self.folder / "steps" / str(step))))
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise RunFailed(
                f"cannot write a checkpoint in {self.folder}: {reason}; mend it and run the same command again"
            ) from error
        for old in self.folder.glob("*.json"):
            if not (self.folder / "steps" / old.stem).is_dir():
                old.unlink()
        self.newest = time.monotonic()

    def restore(self, like: Any, label: str) -> tuple[Any, int]:
        """The newest sound checkpoint as (payload, step), or (`like`, 0); damaged ones are named and removed."""
        steps = self.folder / "steps"
        found = (
            sorted((int(p.name) for p in steps.glob("*") if p.name.isdigit()), reverse=True) if steps.is_dir() else []
        )
        for step in found:
            damage = self.damage(step)
            if damage is None:
                self.progress.note(f"going on from step {step} of {label}")
                return self.read(step, like), step
            if damage:
                self.progress.note(f"checkpoint {steps / str(step)} is damaged ({damage}); the one before it is used")
            shutil.rmtree(steps / str(step))
        return like, 0

    def damage(self, step: int) -> str | None:
        """None for a sound checkpoint, '' for one whose writing was cut off, else the file that does not match."""
        try:
            wanted = json.loads(self.digest_file(step).read_text())
        except FileNotFoundError:
            return ""
        except (OSError, ValueError):
            return self.digest_file(step).name
        actual = digest(self.folder / "steps" / str(step))
        wrong = [name for name in {**wanted, **actual} if wanted.get(name) != actual.get(name)]
        return min(wrong) if wrong else None

    def read(self, step: int, like: Any) -> Any:
        """The payload of a sound checkpoint, placed on the devices as `like` is."""
        import orbax.checkpoint as ocp

        leaves, structure = jax.tree.flatten(like)
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, flat(like))
        with ocp.CheckpointManager(self.folder / "steps") as manager:
            stored = manager.restore(step, args=ocp.args.StandardRestore(abstract))
        restored = [stored.get(name(i), leaf) for i, leaf in enumerate(leaves)]
        host = [isinstance(leaf, np.ndarray) for leaf in leaves]
        return jax.tree.unflatten(structure, [np.array(r) if h else r for r, h in zip(restored, host, strict=True)])

    def digest_file(self, step: int) -> Path:
        return self.folder / f"{step}.json"


def name(index: int) -> str:
    """The name of a leaf on disk."""
    return f"{index:04d}"


def flat(tree: Any) -> dict[str, Any]:
    """A pytree as a flat dict of its leaves: orbax would turn tuples into lists, and cannot save empty arrays."""
    return {name(i): leaf for i, leaf in enumerate(jax.tree.leaves(tree)) if leaf.size}


def digest(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder`, by relative path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
