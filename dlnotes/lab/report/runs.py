"""The finished runs below a folder, and the one of each experiment that its page shows."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlnotes.lab.errors import LabError
from dlnotes.lab.sealed import unseal

PRESETS = ("quick", "standard", "full")
SAFE = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", re.ASCII)


@dataclass(frozen=True)
class Stored:
    """A finished run: its folder and manifest."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        return self.manifest["experiment"]

    def digest(self, file: str) -> Any:
        """The SHA-256 of one of its files, where its manifest has it."""
        return self.manifest.get("files", {}).get(file)

    @property
    def weight(self) -> tuple[int, str, str]:
        """What decides which run is shown: the larger preset, then the newer run."""
        preset = self.manifest["preset"]
        size = PRESETS.index(preset) if preset in PRESETS else -1
        return size, str(self.manifest.get("ended", "")), self.folder.name


@dataclass(frozen=True)
class Omitted:
    """A run that is not shown, and why."""

    place: str
    reason: str


def find(runs: Path) -> tuple[list[Stored], list[Omitted], list[str]]:
    """Finished runs below `runs`, those that cannot be read, and the folders of runs that are not finished."""
    if runs.exists() and not runs.is_dir():
        raise LabError(f"{runs} is a file; name the folder of the runs by --runs")
    good, bad = [], []
    for path in sorted(runs.glob("**/manifest.json")):
        if {"checkpoints", "parts"} & set(path.relative_to(runs).parts):
            continue
        try:
            good.append(Stored(path.parent, read_manifest(path)))
        except (OSError, ValueError) as error:
            bad.append(Omitted(path.parent.relative_to(runs).as_posix(), f"manifest.json cannot be used: {error}"))
    begun = {path.parent for name in ("checkpoints", "parts") for path in runs.glob(f"**/{name}") if path.is_dir()}
    unfinished = sorted(
        folder.relative_to(runs).as_posix() for folder in begun if not (folder / "manifest.json").exists()
    )
    return good, bad, unfinished


def read_manifest(path: Path) -> dict[str, Any]:
    """A manifest with what every page needs; raises ValueError saying what is wrong."""
    manifest = unseal(path.read_bytes(), strict=False)
    for key, kind in (("experiment", str), ("preset", str), ("run_id", str), ("seeds", int)):
        if not isinstance(manifest.get(key), kind):
            raise ValueError(f"{key!r} is missing or damaged")
    for key in ("seconds", "settings", "source", "device", "git", "versions", "files"):
        if not isinstance(manifest.get(key, {}), dict):
            raise ValueError(f"{key!r} is damaged")
    for key in ("programs", "non_finite"):
        rows = manifest.get(key, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValueError(f"{key!r} is damaged")
    if not SAFE.fullmatch(manifest["experiment"]):
        raise ValueError(f"{manifest['experiment']!r} is no experiment's name")
    return manifest


def by_experiment(stored: list[Stored]) -> dict[str, list[Stored]]:
    """The runs of each experiment, the one to show first: the larger preset, then the newest."""
    found: dict[str, list[Stored]] = {}
    for run in sorted(stored, key=lambda run: run.weight, reverse=True):
        found.setdefault(run.name, []).append(run)
    return dict(sorted(found.items()))
