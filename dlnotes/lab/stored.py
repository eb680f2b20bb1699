"""What finished runs left on disk, read without an array library: damaged files are passed over."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlnotes.lab.sealed import matches, unseal

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
        """'3 supported, 1 refuted', or 'no verdict', also where verdict.json is damaged."""
        parts = [f"{count} {verdict}" for verdict, count in self.counts.items() if count]
        return ", ".join(parts) or "no verdict"


def newest_run(runs: Path, name: str) -> StoredRun | None:
    """The finished run of experiment `name` that ended last by its clock, or None."""
    manifests = [(read_object(path), path.parent) for path in sorted((runs / name).glob("*/manifest.json"))]
    good = [(str(manifest.get("ended", "")), folder, manifest) for manifest, folder in manifests if manifest]
    if not good:
        return None
    _, folder, manifest = max(good, key=lambda run: (run[0], run[1].name))
    files = manifest.get("files")
    verdict = files.get("verdict.json") if isinstance(files, dict) else None
    predictions = read_object(folder / "verdict.json", verdict).get("predictions")
    listed = predictions if isinstance(predictions, list) else []
    return StoredRun(folder, manifest, tuple(p for p in listed if isinstance(p, dict)))


def read_object(path: Path, digest: Any = None) -> dict[str, Any]:
    """The JSON object in a file; empty if the file is missing, damaged, something else or not that of the digest."""
    try:
        content = path.read_bytes()
        return unseal(content, strict=False) if matches(content, digest) else {}
    except (OSError, ValueError):
        return {}
