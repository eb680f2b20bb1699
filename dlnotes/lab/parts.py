"""Finished programs of a run under way: each a file with its digest, so that a later one need not repeat them."""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import xarray as xr

from dlnotes.lab import processes, store
from dlnotes.lab.execute import Account
from dlnotes.lab.files import atomic_write
from dlnotes.lab.plan import Program
from dlnotes.lab.progress import Progress
from dlnotes.lab.sealed import matches, seal, unseal


class Part(NamedTuple):
    """What one program gave."""

    dataset: xr.Dataset
    account: Account


class Parts:
    """The finished programs of one study."""

    def __init__(self, folder: Path, progress: Progress):
        self.folder = folder
        self.progress = progress

    def path(self, program: Program) -> Path:
        return self.folder / ("-".join(map(str, program.place or (0,))) + ".nc")

    def write(self, program: Program, part: Part) -> Part:
        """Keep a program's part; its account, written last, makes it count."""
        with processes.together():
            if processes.first():
                self.save(program, part)
        return part

    def save(self, program: Program, part: Part) -> None:
        """Write a part's files."""
        path = self.path(program)
        content = store.save_dataset(path, part.dataset)
        account = {"part": hashlib.sha256(content).hexdigest(), "account": asdict(part.account)}
        atomic_write(path.with_suffix(".json"), seal(account))

    def read(self, program: Program) -> Part | None:
        """A program's part, or None where a process has it not, or damaged (which is said)."""
        part = self.load(program)
        if not processes.everyone(part is not None).all():
            return None
        self.progress.note(f"{program.label} was finished before")
        return part

    def load(self, program: Program) -> Part | None:
        """This process's reading of a part."""
        path = self.path(program)
        if not path.with_suffix(".json").exists():
            return None
        try:
            stored = unseal(path.with_suffix(".json").read_bytes())
            if not matches(path.read_bytes(), stored["part"]):
                raise ValueError("it does not match its digest")
            return Part(store.load_dataset(path), Account(**stored["account"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.progress.note(f"{path} is damaged ({error}); {program.label} is run again")
            return None

    def save_all(self, programs: list[Program], parts: list[Part]) -> None:
        """Keep the parts of a study that one process has measured as a whole."""
        for program, part in zip(programs, parts, strict=True):
            self.save(program, part)

    def read_all(self, programs: list[Program]) -> list[Part] | None:
        """All parts of a study, or None unless every one is there."""
        there = all(self.path(program).with_suffix(".json").exists() for program in programs)
        if not processes.everyone(there).all():
            return None
        parts = [self.read(program) for program in programs]
        return [part for part in parts if part] if all(parts) else None
