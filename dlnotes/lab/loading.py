"""The data of studies, each set loaded once."""

import inspect
from typing import Any

from dlnotes.lab import processes, source
from dlnotes.lab.blame import blame
from dlnotes.lab.errors import LabError
from dlnotes.lab.experiment import Experiment
from dlnotes.lab.plan import Program, study_programs


class Loader:
    """Loads what studies name as `data`, and keeps it for the programs that share it."""

    def __init__(self):
        self.loaded: dict[Any, Any] = {}

    def load_all(self, experiment: Experiment) -> None:
        """Load all data before anything runs: a missing file is told at once."""
        with processes.together():
            for name, study in experiment.studies.items():
                for program in study_programs(name, study):
                    self.data(program)

    def data(self, program: Program) -> Any:
        """The study's data, loaded with those of its settings that the loader takes; None if it has no loader."""
        loader = getattr(program.study, "data", None)
        if loader is None:
            return None
        wanted = inspect.signature(loader).parameters
        chosen = {name: value for name, value in program.static.items() if name in wanted}
        place = (loader, tuple(sorted(chosen.items())))
        if place not in self.loaded:
            try:
                self.loaded[place] = loader(**chosen)
            except (LabError, ValueError, OSError) as error:
                raise LabError(f"{program.label}: {error}") from error
            except Exception:  # a slip in the loader's code, told with its line; the errors above say it all
                with blame(source.file_of(loader), "data"):
                    raise
        return self.loaded[place]
