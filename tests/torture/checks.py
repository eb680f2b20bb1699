"""What must hold of a run's folder after each death, of the life that follows, and at the end."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlnotes.lab import plan, settings, store, words
from dlnotes.lab.discover import load, resolve
from dlnotes.lab.experiment import Cost

FINISHED = 10**9  # beyond every step: the program's part, or the whole run, is stored


class Broken(AssertionError):
    """What must hold does not."""


def check(holds: Any, what: str) -> None:
    if not holds:
        raise Broken(what)


@dataclass(frozen=True)
class Target:
    """An experiment to be killed, and the programs it has: label → (study, place in it)."""

    name: str
    options: tuple[str, ...]
    programs: Mapping[str, tuple[str, str]]
    costs: frozenset[str]

    @property
    def words(self) -> list[str]:
        return ["run", self.name, *self.options]


def target(name: str, preset: str = "standard", **sets: Any) -> Target:
    """An experiment with its command line."""
    seeds = sets.pop("seeds")
    experiment = load(resolve([name])[0])
    asked = [f"{key}={value}" for key, value in sets.items()]
    resolved, _ = settings.apply(experiment, preset, words.overrides(experiment, preset, asked, ()), seeds)
    programs = {p.label: (p.study_name, "-".join(map(str, p.place or (0,)))) for p in plan.programs(resolved)}
    options = ("--preset", preset, "--seeds", str(seeds), *(word for text in asked for word in ("--set", text)))
    costs = frozenset(study for study, each in resolved.studies.items() if isinstance(each, Cost))
    return Target(name, options, programs, costs)


def folder_of(runs: Path) -> Path | None:
    """The folder of the only run below `runs`, if there is one yet."""
    found = [path.parent for path in runs.rglob(".lock")]
    check(len(found) <= 1, f"{len(found)} runs below {runs}: its identity has changed between two lives")
    return found[0] if found else None


def standing(target: Target, runs: Path) -> dict[str, int]:
    """How far each program has come on disk; raises `Broken` where a file that counts is not whole."""
    folder = folder_of(runs)
    if folder is None:
        return {}
    for file in (*folder.glob("*.json"), *folder.glob("parts/*/*.json"), *folder.glob("checkpoints/*/*/*.json")):
        whole(file)
    if (folder / "manifest.json").exists():
        store.load_results(folder)
        check((folder / "verdict.json").exists(), f"{folder} has a manifest and no verdict")
        return dict.fromkeys(target.programs, FINISHED)
    return {label: reached(folder, study, place) for label, (study, place) in target.programs.items()}


def whole(file: Path) -> dict[str, Any]:
    """The JSON object in a file."""
    try:
        content = json.loads(file.read_text())
    except ValueError as error:
        raise Broken(f"{file} is not whole: {error}") from error
    check(isinstance(content, dict), f"{file} holds no object")
    return content


def reached(folder: Path, study: str, place: str) -> int:
    """The step that a program's files hold."""
    part = folder / "parts" / study / place
    if part.with_suffix(".json").exists():
        check(part.with_suffix(".nc").exists(), f"{part}.json speaks of a part that is not there")
        return FINISHED
    checkpoints = folder / "checkpoints" / study / place
    steps = [int(file.stem) for file in checkpoints.glob("*.json") if sound(checkpoints, file)]
    return max(steps, default=0)


def sound(checkpoints: Path, digest: Path) -> bool:
    """Whether a checkpoint's files are those of its digest; False where orbax has begun to remove it."""
    wanted = whole(digest)
    files = {name: checkpoints / "steps" / digest.stem / name for name in wanted}
    return all(
        path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == wanted[n] for n, path in files.items()
    )


def read(diary: Path) -> list[dict[str, Any]]:
    """The lines of a life."""
    return [json.loads(line) for line in diary.read_text().splitlines()] if diary.exists() else []


def went_on(target: Target, before: Mapping[str, int], life: list[dict[str, Any]], fresh: bool = False) -> None:
    """Raise `Broken` unless a life went on from where the disk stood."""
    notes = [line["note"] for line in life if "note" in line]
    for label in target.programs:
        from_step = 0 if fresh else before.get(label, 0)
        steps = [line["done"] for line in life if line.get("label") == label]
        if steps and target.programs[label][0] not in target.costs:
            said = [note for note in notes if note == f"going on from step {from_step} of {label}"]
            check(from_step < FINISHED, f"{label} was finished and is run again")
            check(not from_step or said, f"{label} stood at step {from_step} and did not go on from there: {notes}")
            check(steps[0] > from_step, f"{label} stood at step {from_step} and went back to {steps[0]}")


def lost(target: Target, after: Mapping[str, int], life: list[dict[str, Any]]) -> int:
    """How many segments of a killed life are lost; more than the last one raises `Broken`."""
    worst = 0
    for label, (study, _) in target.programs.items():
        steps = [line["done"] for line in life if line.get("label") == label]
        gone = [step for step in steps if step > after.get(label, 0)]
        if study not in target.costs:
            check(len(gone) <= 1, f"{label}: steps {gone} were done and none of them is on disk")
            worst = max(worst, len(gone))
    return worst


def same(target: Target, reference: Path, runs: Path) -> None:
    """The end: every bit of the results that is no time, and no file more or less than after an undisturbed run."""
    wanted, found = folder_of(reference), folder_of(runs)
    check(wanted and found, f"no run in {runs}")
    names = [sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) for folder in (wanted, found)]
    check(names[0] == names[1], f"files {names[1]}, wanted {names[0]}")
    if not target.costs:
        for name in set(names[0]) - {"manifest.json", ".lock"}:
            check((wanted / name).read_bytes() == (found / name).read_bytes(), f"{found / name} has other bytes")
    results = [store.load_results(folder) for folder in (wanted, found)]
    for study in set(results[0]) - target.costs:
        check(results[0][study].identical(results[1][study]), f"{study} has other numbers in {found}")


def clean(folder: Path, cache: Path) -> None:
    """No temporary is left where programs put them."""
    left = [*(folder / "tmp").iterdir(), *cache.rglob("*.tmp")]
    check(not left, f"left over: {left}")


def quiet(text: str) -> None:
    """Nothing on the terminal that a user should not see."""
    check(not re.search("Traceback|WARNING|Warning|ERROR|Error|error:", text), f"it said\n{text}")
