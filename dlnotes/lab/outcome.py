"""What a finished run leaves in its folder: results, verdicts, a figure, and the manifest that seals them."""

import json
from pathlib import Path
from typing import Any

from dlnotes.lab import processes, store
from dlnotes.lab.blame import blame
from dlnotes.lab.errors import LabError, RunFailed
from dlnotes.lab.experiment import Experiment
from dlnotes.lab.files import atomic_write
from dlnotes.lab.predictions import judge
from dlnotes.lab.progress import Progress
from dlnotes.lab.results import Results
from dlnotes.lab.sealed import digests, seal
from dlnotes.lab.verdicts import Verdict

MANIFEST, VERDICT, FIGURE = "manifest.json", "verdict.json", "figure.svg"
FILES = (store.RESULTS, VERDICT, FIGURE)


class Outcome:
    """The files of one run, the manifest last: without it a run is not finished."""

    def __init__(self, experiment: Experiment, folder: Path, progress: Progress):
        self.experiment, self.folder, self.progress = experiment, folder, progress

    def conclude(self, results: Results) -> tuple[Verdict, ...]:
        """Store the results, judge, store verdicts and figure."""
        if processes.first():
            store.save_results(self.folder, results)
        verdicts = self.judge(results)
        if processes.first():
            self.show(verdicts, results)
        return verdicts

    def show(self, verdicts: tuple[Verdict, ...], results: Results) -> None:
        """Write verdicts and figure."""
        (self.folder / FIGURE).unlink(missing_ok=True)
        atomic_write(self.folder / VERDICT, verdict_file(self.experiment.name, verdicts))
        self.draw(results)

    def sign(self, about: dict[str, Any]) -> None:
        """Write the manifest with the digests of all other files: the run is finished."""
        about["files"] = digests(self.folder, FILES)
        atomic_write(self.folder / MANIFEST, seal(about))

    def judge(self, results: Results) -> tuple[Verdict, ...]:
        """The verdicts; an effect that breaks is the experiment's error, told with its line. The results are kept."""
        with blame(self.experiment.path or Path(self.experiment.name), "judging", raises=RunFailed):
            return judge(self.experiment.predictions, results, lenient=True)

    def draw(self, results: Results) -> None:
        """Draw and store the figure; what cannot be drawn from these conditions is said, not fatal."""
        if self.experiment.draw is None:
            return
        from dlnotes.lab import figures

        try:
            with blame(self.experiment.path or Path(self.experiment.name), "draw"):
                svg = figures.to_svg(self.experiment.draw(results))
        except (LabError, MemoryError) as error:
            self.progress.note(f"no figure: {error}")
            return
        atomic_write(self.folder / FIGURE, svg)


def verdict_file(name: str, verdicts: tuple[Verdict, ...]) -> str:
    """The text of verdict.json."""
    return json.dumps({"experiment": name, "predictions": [verdict.to_dict() for verdict in verdicts]}, indent=1)
