"""Is there a learner that is best for every target, or is none better than another on inputs it has not seen?

Sources: dlbook 1.4.1; Wolpert 1996.

All 256 Boolean functions of three bits are learned, each from the same five of the eight inputs, drawn by the seed;
errors are those on the other three. Learners: the nearest neighbor; a line fitted to 0 and 1 with an L2 penalty of 0.1
and cut at ½; the majority of the five labels, its opposite, or 1, whatever the data say. Of the 256 targets, 104 can be
separated by a plane: they are the targets with structure.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from dlnotes import lab
from dlnotes.classical import neighbors, ridge

LEARNERS = ("neighbor", "linear", "majority", "minority", "always 1")
INPUTS = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
TARGETS = np.array(list(itertools.product((0.0, 1.0), repeat=8)))  # every Boolean function of three bits


def separable() -> np.ndarray:
    """Which of TARGETS a plane separates; for three bits weights −2 … 2 and thresholds between them give all 104."""
    planes = np.array(list(itertools.product(range(-2, 3), repeat=3)))
    heights = np.arange(-6, 7) + 0.5
    found = (INPUTS @ planes.T)[:, :, None] > heights
    patterns = np.unique(found.reshape(8, -1).T, axis=0)
    return (TARGETS[:, None] == patterns[None]).all(-1).any(-1)


def learned(x: Array, y: Array) -> Array:
    """What each of LEARNERS says of all eight inputs after the examples (x, y): [learners, 8], 0 or 1."""
    at = jnp.asarray(INPUTS)
    votes = 1.0 * (y.mean() > 0.5)
    linear = ridge.predict(ridge.fit(x, y[:, None], 0.1), at)[:, 0] > 0.5
    nearest = neighbors.predict(neighbors.fit(x, y.astype(int)), at, 1, 2)
    constants = jnp.stack([votes, 1 - votes, jnp.ones(())])
    return jnp.concatenate([jnp.stack([nearest, linear]), jnp.broadcast_to(constants[:, None], (3, len(at)))])


def no_free_lunch(key: Array, *, examples: int) -> lab.Trial:
    """Every learner on every target, from the same randomly chosen inputs; its errors on the others."""

    def finish(_):
        order = jax.random.permutation(lab.streams(key, "inputs")[0], 8)
        known, unknown = order[:examples], order[examples:]
        targets = jnp.asarray(TARGETS)
        said = jax.vmap(lambda target: learned(jnp.asarray(INPUTS)[known], target[known]))(targets)
        wrong = (1.0 * (said != targets[:, None])[:, :, unknown]).mean(-1)
        plane = jnp.asarray(separable())
        return {
            "all": wrong.mean(0),
            "separable": (wrong * plane[:, None]).sum(0) / plane.sum(),
            "others": (wrong * ~plane[:, None]).sum(0) / (~plane).sum(),
        }

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def error(r, over, *names):
    """Mean error over some of the targets, on inputs that were not learned from."""
    array = r.lunch[over].assign_coords(learner=list(LEARNERS))
    return array.sel(learner=names[0], drop=True) if names else array


DLBOOK = "dlbook 1.4.1"

PREDICTIONS = (
    lab.Equivalent(
        "no_free_lunch", "over all targets every learner errs on half of the unseen inputs (largest difference to ½)",
        lambda r: abs(error(r, "all") - 0.5).max("learner"), source=DLBOOK, within=1e-9,
    ),
    lab.Less(
        "structure", "over separable targets the linear learner errs less (error − ½)",
        lambda r: error(r, "separable", "linear") - 0.5, source=f"{DLBOOK}: algorithms suit some distributions",
        margin=0.1,
    ),
    lab.Less(
        "neighbors_too", "so does the nearest neighbor (error − ½)",
        lambda r: error(r, "separable", "neighbor") - 0.5, source=DLBOOK,
    ),
    lab.Less(
        "suits_better", "the linear learner, made for planes, less than the nearest neighbor (difference)",
        lambda r: error(r, "separable", "linear") - error(r, "separable", "neighbor"), source=DLBOOK,
    ),
    lab.Greater(
        "paid_elsewhere", "what it gains there it loses on the other targets (error − ½)",
        lambda r: error(r, "others", "linear") - 0.5, source=DLBOOK,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(2)
    lab.figures.dots(axes[0], error(r, "all"), x="learner")
    axes[0].set(title="All 256 targets: every learner is right half of the time", ylim=(0, 1))
    names = {"separable": "104 with structure", "others": "the other 152"}
    both = xr.concat([error(r, over) for over in names], dim="targets").assign_coords(targets=list(names.values()))
    lab.figures.dots(axes[1], both, x="learner", hue="targets")
    axes[1].set(title="What is gained on targets with structure is lost on others", ylim=(0, 1))
    for ax in axes:
        ax.axhline(0.5, color="black", linestyle=":", linewidth=1)
        ax.set(xlabel="", ylabel="error on unseen inputs")
    return figure


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "lunch": lab.Study(
            no_free_lunch, {"examples": 5}, dims=dict.fromkeys(("all", "separable", "others"), ("learner",))
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={"quick": {"seeds": 4}, "full": {"seeds": 64}},
    x64=True,
)

if __name__ == "__main__":
    lab.main(__file__)
