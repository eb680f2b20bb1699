"""The command that repeats a stored run."""

import shlex
from collections.abc import Mapping
from typing import Any

from dlnotes.lab import settings
from dlnotes.lab.discover import CHAPTERS
from dlnotes.lab.errors import LabError
from dlnotes.lab.experiment import Experiment
from dlnotes.lab.manifest import readable
from dlnotes.lab.report.runs import Stored


def command(run: Stored, experiment: Experiment | None) -> str:
    """`dlnotes run …` with the preset, and whatever differs from it where the experiment is at hand to compare."""
    path = str(run.manifest.get("source", {}).get("path") or run.name)
    words = ["dlnotes", "run", run.name if run.name.split("/")[0] in CHAPTERS else path]
    words += ["--preset", run.manifest["preset"]]
    try:
        usual = settings.apply(experiment, run.manifest["preset"]) if experiment else None
    except LabError:
        usual = None
    seeds = run.manifest["seeds"]
    if usual is None:
        return shlex.join([*words, "--seeds", str(seeds)])
    resolved, standing = usual
    words += [] if seeds == standing else ["--seeds", str(seeds)]
    for name, study in resolved.studies.items():
        words += differing(name, readable(study.settings), run.manifest.get("settings", {}).get(name, {}))
    return shlex.join(words)


def differing(study: str, usual: Mapping[str, Any], stored: Any) -> list[str]:
    """Options for the settings of one study that are not those of the preset."""
    words = []
    for name, value in stored.items() if isinstance(stored, Mapping) else ():
        if name not in usual or usual[name] == value:
            continue
        several = isinstance(value, Mapping | list)
        text = ",".join(map(str, value)) if several else str(value)
        words += ["--sweep" if several else "--set", f"{study}.{name}={text}"]
    return words
