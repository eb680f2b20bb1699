"""The laboratory: experiments over many seeds in one compiled program, with checkpoints, verdicts and a report.

Names are loaded when first used, so that listing experiments does not wait for JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlnotes.lab import figures as figures
    from dlnotes.lab.effects import at_best as at_best
    from dlnotes.lab.effects import exponent as exponent
    from dlnotes.lab.effects import slope as slope
    from dlnotes.lab.engine import run as run
    from dlnotes.lab.experiment import Cost as Cost
    from dlnotes.lab.experiment import Experiment as Experiment
    from dlnotes.lab.experiment import Study as Study
    from dlnotes.lab.predictions import Equivalent as Equivalent
    from dlnotes.lab.predictions import Greater as Greater
    from dlnotes.lab.predictions import Less as Less
    from dlnotes.lab.results import Results as Results
    from dlnotes.lab.trial import Training as Training
    from dlnotes.lab.trial import Trial as Trial
    from dlnotes.lab.trial import minibatch as minibatch
    from dlnotes.lab.trial import streams as streams
    from dlnotes.lab.trial import supervised as supervised

HOMES = {
    "effects": ("at_best", "exponent", "farthest", "slope"),
    "experiment": ("Cost", "Experiment", "Study"),
    "predictions": ("Equivalent", "Greater", "Less"),
    "results": ("Results",),
    "engine": ("run",),
    "trial": ("Training", "Trial", "minibatch", "streams", "supervised"),
}


def __getattr__(name: str) -> Any:
    for home, names in HOMES.items():
        if name in names:
            value = getattr(importlib.import_module(f"dlnotes.lab.{home}"), name)
            globals()[name] = value
            return value
    if name == "figures":
        return importlib.import_module("dlnotes.lab.figures")
    raise AttributeError(f"dlnotes.lab has no {name!r}")


def main(path: str) -> None:
    """Run the experiment in the file `path` with the options of `dlnotes run`; for `if __name__ == "__main__"`."""
    import sys

    from dlnotes.cli import main as command_line

    sys.exit(command_line(["run", path, *sys.argv[1:]]))
