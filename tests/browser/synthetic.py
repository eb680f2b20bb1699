"""Finished runs made in a moment, so that a report can be tested without training anything."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from dlnotes.lab import figures, source, store
from dlnotes.lab.discover import load
from dlnotes.lab.predictions import judge
from dlnotes.lab.results import Results

EXPERIMENT = '''"""Does {arm} <train> deeper & faster?

Sources: cs182 4.4.2.

Two arms on invented numbers.
"""

from jax import Array

from dlnotes import lab


def trial(key, *, gain: Array, width: int = 8) -> lab.Trial:
    return lab.Trial(lambda: gain)


def gap(results):
    final = results.training.loss.isel(step=-1)
    return final.sel(gain="plain") - final.sel(gain="{arm}")


def draw(results):
    figure, axes = lab.figures.panels(3)
    lab.figures.seeds(axes[0], results.training.loss, hue="gain", log="y")
    axes[0].set_title("{arm} goes on where plain stops")
    lab.figures.dots(axes[1], results.training.loss.isel(step=-1), x="gain")
    axes[1].set_title("Where each seed ended")
    lab.figures.trajectory(axes[2], [[1.0, 1.0], [0.2, 0.6], [0.5, 0.1], [0.0, 0.0]], "black", "{arm}")
    axes[2].set(title="Its way", xlim=(0, 1.2), ylim=(0, 1.2))
    return figure


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={{"training": lab.Study(trial, {{"gain": {{"plain": 1.0, "{arm}": 2.0}}, "width": 8}})}},
    predictions=(
        lab.Greater("ends_lower", "{arm} ends at a lower loss", gap, source="cs182 4.4.2", margin=0.1),
        lab.Less("ends_higher", "{arm} ends at a higher loss", gap, source="ee147 <Init>", margin=0.1),
        lab.Equivalent("ends_at_half", "the gap is one half", gap, source="formulas 2.3", within=0.001, target=0.5),
    ),
    draw=draw,
)

if __name__ == "__main__":
    lab.main(__file__)
'''


def experiment(folder: Path, arm: str) -> Path:
    """An experiment file about `arm`."""
    path = folder / f"{arm}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(EXPERIMENT.format(arm=arm))
    return path


def results(arm: str, seeds: int, lost: int = 0) -> Results:
    """Curves of both arms, their last gap about one half; `lost` seeds of the better arm stop being finite."""
    rng = np.random.default_rng(seeds)
    steps = np.arange(10, 310, 10)
    noise = 1 + 0.02 * rng.normal(size=(2, seeds, steps.size))
    loss = (np.array([0.7, 0.2])[:, None, None] + 1.5 * np.exp(-steps / 60)) * noise
    loss[1, :lost, 12:] = np.nan
    coords = {"gain": ["plain", arm], "seed": np.arange(seeds), "step": steps}
    return Results({"training": xr.Dataset({"loss": (("gain", "seed", "step"), loss)}, coords)})


def run(runs: Path, name: str, path: Path, *, preset: str = "standard", seeds: int = 16, lost: int = 0, **facts: Any):
    """A finished run of the experiment in `path`, called `name`; returns its folder."""
    kept, found = load(path), results(path.stem, seeds, lost)
    folder = runs / name / f"{preset}-{facts.pop('id', 'abcdef012345')}"
    store.save_results(folder, found)
    verdicts = judge(kept.predictions, found, lenient=True)
    record = {"experiment": name, "predictions": [verdict.to_dict() for verdict in verdicts]}
    (folder / "verdict.json").write_text(json.dumps(record))
    (folder / "figure.svg").write_text(figures.to_svg(kept.draw(found)))
    manifest = {
        "experiment": name,
        "question": kept.question,
        "run_id": folder.name,
        "preset": preset,
        "settings": {"training": {"gain": {"plain": 1.0, path.stem: 2.0}, "width": 8}},
        "seeds": seeds,
        "root": 0,
        "source": {"path": str(path), "sha256": source.digest(path)},
        "git": {"commit": "0123456789abcdef", "dirty": False},
        "versions": {"python": "3.12.3", "jax": "0.12.0"},
        "device": {"platform": "cpu", "kind": "cpu", "count": 2, "hosts": 1},
        "seconds": {"compile": 3.21, "run": 4.56, "total": 8.9},
        "steps_per_second": 12345.6,
        "started": "2026-11-21T03:00:00+00:00",
        "ended": "2026-11-21T03:01:00+00:00",
        "programs": [{"study": "training", "static": {"width": 8}, "trials": 2 * seeds, "group": seeds}],
        "non_finite": [],
    }
    if lost:
        condition = {"gain": path.stem}
        manifest["non_finite"] = [
            {"study": "training", "condition": condition, "trials": lost, "of": seeds, "first_step": 121}
        ]
    (folder / "manifest.json").write_text(json.dumps(manifest | facts))
    return folder


def one_run(folder: Path, **facts: Any) -> tuple[Path, Path, Path]:
    """Runs folder, experiment file and run folder of a single run."""
    path = experiment(folder / "files", "he")
    return folder / "runs", path, run(folder / "runs", "initialization/xavier_vs_he", path, **facts)


def make(folder: Path) -> Path:
    """A folder of runs with everything a report may meet: good, damaged, unfinished, lost seeds, a user's own."""
    runs = folder / "runs"
    he, adam, own = (experiment(folder / "files", arm) for arm in ("he", "adam", "mine"))
    run(runs, "initialization/xavier_vs_he", he)
    run(runs, "initialization/xavier_vs_he", he, preset="quick", seeds=4, ended="2026-11-22T03:01:00+00:00")
    run(runs, "optimization/adam_bias_correction", adam, seeds=12, lost=2)
    run(runs, "mine", own, preset="quick", seeds=4)
    truncated = run(runs, "optimization/newton_vs_first_order", adam) / "results.nc"
    truncated.write_bytes(truncated.read_bytes()[:2000])
    broken = runs / "normalization/batchnorm_smoothing/standard-111111111111"
    broken.mkdir(parents=True)
    (broken / "manifest.json").write_text('{"experiment": "norm')
    (runs / "vision/under_way/full-222222222222/checkpoints").mkdir(parents=True)
    return runs
