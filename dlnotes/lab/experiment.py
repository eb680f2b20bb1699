"""What an experiment is: a question, studies that gather results, predictions about them, a picture."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlnotes.lab.errors import LabError

MOST_REPEATS = 1_000_000


@dataclass(frozen=True)
class Study:
    """One trial under the Cartesian product of its settings' axes, for every seed.

    `settings` name the keyword-only parameters of `trial`: a tuple or dict of values is an axis, all else is fixed.
    `data` is called once with those settings whose names it takes and handed to the trial as its second argument.
    `dims` names a measure's own dimensions, those that come after condition, seed and step.
    """

    trial: Callable
    settings: Mapping[str, Any] = field(default_factory=dict)
    data: Callable | None = None
    dims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def function(self) -> Callable:
        return self.trial

    @property
    def leading(self) -> int:
        """How many positional arguments come before the settings."""
        return 1 if self.data is None else 2


@dataclass(frozen=True)
class Cost:
    """Seconds and memory of a computation: `measure(key, **settings) → (function, arguments)`.

    The engine compiles the function (timed apart), warms it up and times `repeats` blocked runs of it, one at a time.
    """

    measure: Callable
    settings: Mapping[str, Any] = field(default_factory=dict)
    repeats: int = 16
    dims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self):
        if not 5 <= self.repeats <= MOST_REPEATS:
            most = f"and at most {MOST_REPEATS} times" if self.repeats > 5 else "times"
            raise LabError(f"a Cost is repeated at least 5 {most}, got repeats={self.repeats}")

    @property
    def function(self) -> Callable:
        return self.measure

    leading = 1


@dataclass(frozen=True)
class Experiment:
    """A question with everything that answers it. The first line of `doc` is the question; the rest names sources."""

    doc: str | None
    studies: Mapping[str, Study | Cost]
    predictions: tuple = ()
    draw: Callable | None = None
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    x64: bool = False
    name: str = ""
    path: Path | None = None

    def __post_init__(self):
        if not self.doc or not self.doc.strip():
            raise LabError("an experiment begins with its question: give the file a docstring and pass __doc__")
        if not self.studies:
            raise LabError("an experiment needs at least one study: studies={'name': lab.Study(trial, {...})}")
        for name, study in self.studies.items():
            if not name.isidentifier() or not isinstance(study, Study | Cost):
                raise LabError(
                    f"studies map a Python name to a lab.Study or lab.Cost, got {name!r}: {type(study).__name__}"
                )
        ids = [prediction.id for prediction in self.predictions]
        if len(set(ids)) != len(ids):
            raise LabError(f"two predictions have the same id among {ids}; give each its own")

    @property
    def question(self) -> str:
        return (self.doc or "").strip().splitlines()[0].strip()
