"""A stored run made ready for its page: judged and drawn again where its experiment can be loaded, else as stored."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import jax

from dlnotes.lab import figures, source, store
from dlnotes.lab.blame import blame
from dlnotes.lab.discover import load
from dlnotes.lab.errors import LabError
from dlnotes.lab.experiment import Experiment
from dlnotes.lab.predictions import judge
from dlnotes.lab.report.runs import Omitted, Stored
from dlnotes.lab.results import Results
from dlnotes.lab.sealed import matches
from dlnotes.lab.verdicts import Verdict, adjust


@dataclass(frozen=True)
class Judged:
    """What one page shows. `notes` are warnings to the reader; `declared` are the verdicts stored with the run."""

    run: Stored
    experiment: Experiment | None
    verdicts: tuple[Verdict, ...]
    figure: str
    declared: tuple[Verdict, ...] = ()
    notes: tuple[str, ...] = ()
    others: tuple[Stored, ...] = field(default=())

    @property
    def name(self) -> str:
        return self.run.name


def judged(run: Stored) -> Judged:
    """Load, judge and draw. Raises `LabError` where the run has nothing that can be shown."""
    results = store.load_results(run.folder, run.digest(store.RESULTS))
    declared, trouble = stored_verdicts(run)
    try:
        experiment = load(where(run))
    except LabError as error:
        note = f"The experiment cannot be loaded here ({error}), so verdicts and figure are those stored after the run."
        return as_stored(run, declared, trouble, [note])
    notes = [f"The verdicts stored after the run are lost: {trouble}."] if trouble else []
    notes += changes(run, experiment)
    try:
        verdicts = again(experiment, results)
    except LabError as error:
        note = f"The predictions cannot be judged again ({error}), so the verdicts are those stored after the run."
        return as_stored(run, declared, trouble, [*notes, note])
    notes += moved(declared, verdicts)
    figure, note = drawn(experiment, results, run)
    return Judged(run, experiment, verdicts, figure, declared, tuple(notes + note))


def where(run: Stored) -> str:
    """The experiment's file where the manifest's path holds one here, else its name."""
    path = str(run.manifest.get("source", {}).get("path") or "")
    here = [source.PACKAGE.parent / path, Path(path)] if path.endswith(".py") else []
    return next((str(file) for file in here if file.is_file()), run.name)


def again(experiment: Experiment, results: Results) -> tuple[Verdict, ...]:
    """Today's predictions judged on the stored results."""
    with blame(experiment.path or Path(experiment.name), "predictions"), jax.enable_x64(experiment.x64):
        return judge(experiment.predictions, results, lenient=True)


def drawn(experiment: Experiment, results: Results, run: Stored) -> tuple[str, list[str]]:
    """The figure drawn again, or the stored one with a note that says why."""
    if experiment.draw is None:
        return "", []
    try:
        with blame(experiment.path or Path(experiment.name), "draw"), jax.enable_x64(experiment.x64):
            return figures.to_svg(experiment.draw(results)), []
    except LabError as error:
        kept = stored_figure(run)
        instead = "shown is the one stored with the run" if kept else "and none was stored"
        return kept, [f"The figure cannot be drawn from these results ({error}); {instead}."]


def as_stored(run: Stored, declared: tuple[Verdict, ...], trouble: str, notes: list[str]) -> Judged:
    """The page from what the run left behind; raises `LabError` where that is damaged too."""
    if trouble:
        raise LabError(f"{trouble}, and {notes[-1][0].lower()}{notes[-1][1:].split(', so')[0]}")
    return Judged(run, None, declared, stored_figure(run), declared, tuple(notes))


def stored_verdicts(run: Stored) -> tuple[tuple[Verdict, ...], str]:
    """The verdicts in verdict.json, and what is wrong with it."""
    try:
        content = (run.folder / "verdict.json").read_bytes()
        if not matches(content, run.digest("verdict.json")):
            return (), "verdict.json is damaged (it does not match its digest)"
        record = json.loads(content)
        return tuple(Verdict.from_dict(prediction) for prediction in record["predictions"]), ""
    except OSError as error:
        return (), f"verdict.json cannot be read ({error.strerror})"
    except (ValueError, KeyError, TypeError, RecursionError, LabError) as error:
        return (), f"verdict.json is damaged ({str(error).splitlines()[0]})"


def stored_figure(run: Stored) -> str:
    """figure.svg, if it is there, whole, and safe to put into a page."""
    try:
        content = (run.folder / "figure.svg").read_bytes()
        svg = content.decode() if matches(content, run.digest("figure.svg")) else ""
    except (OSError, ValueError):
        return ""
    start = svg.find("<svg")
    harmless = not any(word in svg.lower() for word in ("<script", "javascript:", "onload", "<foreignobject"))
    return svg[start:] if start >= 0 and svg.rstrip().endswith("</svg>") and harmless else ""


def changes(run: Stored, experiment: Experiment) -> list[str]:
    """Whether the code is still that of the run."""
    then = run.manifest.get("source", {}).get("sha256")
    if experiment.path is None or then is None or source.digest(experiment.path) == then:
        return []
    return [
        "The code (the experiment's file, the modules that it imports, or the engine) has changed since this run: "
        "today's predictions are judged on results of the older code. Run it again to have both of one piece."
    ]


def moved(declared: tuple[Verdict, ...], verdicts: tuple[Verdict, ...]) -> list[str]:
    """Predictions that are not those declared before the run, by id."""

    def promise(verdict: Verdict) -> tuple:
        return verdict.direction, verdict.margin, verdict.target

    before, today = ({v.id: promise(v) for v in each} for each in (declared, verdicts))
    altered = [name for name in today if name in before and today[name] != before[name]]
    told = {
        "added after the run": [name for name in today if name not in before] if before else [],
        "with another margin than before the run": altered,
        "withdrawn since the run": [name for name in before if name not in today],
    }
    return [f"Predictions {what}: {', '.join(names)}." for what, names in told.items() if names]


def together(pages: list[Judged], alpha: float = 0.05) -> list[Judged]:
    """The same pages with Holm's correction over all predictions of the report."""
    adjusted = iter(adjust([verdict for page in pages for verdict in page.verdicts], alpha))
    return [replace(page, verdicts=tuple(next(adjusted) for _ in page.verdicts)) for page in pages]


def choose(candidates: list[Stored], runs: Path) -> tuple[Judged | None, list[Omitted]]:
    """The first of an experiment's runs that can be shown, and those that could not."""
    omitted: list[Omitted] = []
    for run in candidates:
        try:
            page = judged(run)
        except LabError as error:
            reason = str(error).replace(f"{run.folder}/", "")
            omitted.append(Omitted(run.folder.relative_to(runs).as_posix(), reason))
            continue
        others = tuple(other for other in candidates if other is not run)
        return replace(page, others=others), omitted
    return None, omitted
