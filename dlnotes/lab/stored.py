"""What finished runs left on disk, read without an array library: damaged files are passed over."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERDICTS = ("supported", "refuted", "inconclusive")


@dataclass(frozen=True)
class StoredRun:
    """A finished run: its folder, its manifest and its predictions as verdict.json has them."""

    folder: Path
    manifest: dict[str, Any]
    predictions: tuple[dict[str, Any], ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many predictions got each verdict."""
        got = [prediction.get("verdict") for prediction in self.predictions]
        return {verdict: got.count(verdict) for verdict in VERDICTS}

    @property
    def summary(self) -> str:
        """'3 supported, 1 refuted', or 'damaged' where verdict.json cannot be read."""
        parts = [f"{count} {verdict}" for verdict, count in self.counts.items() if count]
        return ", ".join(parts) or "no verdict"


def newest_run(runs: Path, name: str) -> StoredRun | None:
    """The finished run of experiment `name` that ended last, or None."""
    manifests = [(read_object(path), path.parent) for path in sorted((runs / name).glob("*/manifest.json"))]
    good = [(str(manifest.get("ended", "")), folder, manifest) for manifest, folder in manifests if manifest]
    if not good:
        return None
    _, folder, manifest = max(good, key=lambda run: run[0])
    predictions = read_object(folder / "verdict.json").get("predictions")
    listed = predictions if isinstance(predictions, list) else []
    return StoredRun(folder, manifest, tuple(p for p in listed if isinstance(p, dict)))


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty if the file is missing, damaged or something else."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
