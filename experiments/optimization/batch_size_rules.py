"""Do the formula sheet's rules hold: the full batch for fewer than 2000 examples, sizes that are powers of 2?

Sources: formulas 2.4.1; ee147 Hinge Loss Gradient, for the noise that may regularize.

*Small sets*: networks with two hidden ReLU layers of 16 units on 500 or all 1437 training digits, plain descent at
constant rates; batches of 32, drawn with replacement, against the full batch. How many updates, examples and seconds
until the loss of the whole set is 0.1 nats, each at the rate that arrives first on average; a run that does not arrive
counts with all it had. Seconds are those of an update alone, on this device, times the updates. Test loss (nats) and
test error are compared at equal training loss: at the level where the run ends that ends higher, each when it first
comes there. A training loss that is not finite or above log 10, that of knowing nothing, counts as that.

*Powers of 2*: seconds of an update of two layers of 256 units, for batches of 63 to 129 examples.
"""

import batch_rules_trials as trials
import numpy as np
import xarray as xr

from dlnotes import lab
from dlnotes.data import images

TARGET = 0.1
SETS = (500, 1437)


def capped(loss):
    return loss.where(np.isfinite(loss), np.log(10)).clip(max=np.log(10))


def first_below(at, values, level):
    """Where a curve first comes down to a level, linear between its points; its end if it does not."""
    below = np.flatnonzero(values <= level)
    if not below.size:
        return float(at[-1])
    i = int(below[0])
    if i == 0:
        return float(at[0])
    share = (values[i - 1] - level) / (values[i - 1] - values[i])
    return float(at[i - 1] + share * (at[i] - at[i - 1]))


def arrival(loss, level):
    """The update at which log₁₀ of a loss comes down to a level, for each other dimension."""
    return xr.apply_ufunc(
        first_below, loss.step, loss, level, vectorize=True, input_core_dims=[["step"], ["step"], []]
    )  # fmt: skip


def fitted(r, arm, examples):
    """Training loss (log₁₀), test loss (log₁₀) and test error of one arm at the rate that comes first to the target."""
    study = r[arm].sel(examples=examples, drop=True)
    loss = np.log10(capped(study.training_loss))
    score = arrival(loss, np.log10(TARGET))
    measures = {"training": loss, "test_loss": np.log10(study.test_loss), "test_error": study.test_error}
    return xr.Dataset({name: lab.at_best(values, score, "log10_rate") for name, values in measures.items()})


def updates(r, arm, examples):
    """log₁₀ of the updates to the target."""
    return np.log10(arrival(fitted(r, arm, examples).training, np.log10(TARGET)))


def size_of(arm, examples):
    return examples if arm == "whole" else 32


def seconds(r, batch):
    """Of one update, the median over repeats: one number for all seeds, so intervals leave out how it scatters."""
    return float(r.update.seconds.sel(batch=batch).median("repeat"))


def more(r, unit, examples):
    """log₁₀ of what the full batch needs over what batches of 32 need."""
    gap = updates(r, "whole", examples) - updates(r, "minibatches", examples)
    scale = {"updates": 1.0, "examples": examples / 32, "seconds": seconds(r, examples) / seconds(r, 32)}[unit]
    return gap + np.log10(scale)


def at_equal_loss(r, measure, examples):
    """Of batches of 32 less the full batch, where both have the same training loss: where the higher one ends."""
    arms = fitted(r, "minibatches", examples), fitted(r, "whole", examples)
    level = np.maximum(*(arm.training.min("step") for arm in arms))
    small, full = (
        xr.apply_ufunc(np.interp, arrival(arm.training, level), arm.step, arm[measure], vectorize=True,
                       input_core_dims=[[], ["step"], ["step"]])
        for arm in arms
    )  # fmt: skip
    return small - full


def power(r):
    """log₂ of the seconds for each example at 64 and 128 over those of their neighbours, the mean."""
    each = np.log2(r.powers.seconds / r.powers.batch)
    gaps = [each.sel(batch=b, drop=True) - each.sel(batch=[b - 1, b + 1]).mean("batch") for b in (64, 128)]
    return (gaps[0] + gaps[1]) / 2


SHEET, EE147 = "formulas 2.4.1", "ee147 Hinge Loss Gradient"

# Tolerance: seconds of neighbours are called alike to 10 %.
PREDICTIONS = (
    *(
        lab.Less(
            f"full_batch_{unit}_{examples}",
            f"{examples} examples: the full batch needs fewer {unit} to a training loss of {TARGET:g} (log₁₀)",
            lambda r, unit=unit, examples=examples: more(r, unit, examples),
            source=SHEET if unit != "updates" else "theory: it has the exact gradient",
        )
        for unit in ("examples", "seconds", "updates")
        for examples in SETS
    ),
    *(
        lab.Less(
            f"noise_lowers_{measure}_{examples}",
            f"{examples} examples, equal training loss: batches of 32 have the lower test {words}",
            lambda r, measure=measure, examples=examples: at_equal_loss(r, measure, examples),
            source=EE147,
        )
        for measure, words in (("test_error", "error (share)"), ("test_loss", "loss (log₁₀)"))
        for examples in SETS
    ),
    lab.Less(
        "powers_are_faster", "64 and 128 examples take less time each than one more or fewer (log₂)",
        power, source=SHEET,
    ),
    lab.Equivalent(
        "powers_are_alike", "64 and 128 examples take the time of their neighbours to 10 % (log₂)",
        power, source="ours: one example more is one row more", within=float(np.log2(1.1)),
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(5)
    draw_small_sets(r, axes[:4])
    lab.figures.dots(axes[4], r.powers.seconds / r.powers.batch * 1e6, x="batch")
    axes[4].set(title="Powers of 2: time for each example (of 20 updates)", xlabel="batch", ylabel="µs")
    return figure


def draw_small_sets(r, axes):
    """What it takes to the target; test loss against training loss."""
    rows = {"batches of 32": "minibatches", "full batch": "whole"}
    for ax, unit in ((axes[0], "examples"), (axes[1], "seconds")):
        arms = []
        for arm in rows.values():
            sizes = [examples if arm == "whole" else 32 for examples in SETS]
            scales = [size if unit == "examples" else seconds(r, size) / REPEATED for size in sizes]
            found = [10 ** updates(r, arm, examples) * scale for examples, scale in zip(SETS, scales, strict=True)]
            arms.append(xr.concat(found, "set size").assign_coords({"set size": list(SETS)}))
        lab.figures.dots(ax, xr.concat(arms, "arm").assign_coords(arm=list(rows)), x="set size", hue="arm", log="y")
        ax.set(title=f"Fewer than 2000 examples: {unit} to a training loss of {TARGET:g}", ylabel=unit)
    for ax, examples in zip(axes[2:], SETS, strict=True):
        for (name, arm), color in zip(rows.items(), lab.figures.PALETTE, strict=False):
            found = fitted(r, arm, examples).transpose("step", "seed")
            ax.plot(10**found.training, 10**found.test_loss, color=color, alpha=0.35, linewidth=0.8)
            ax.plot([], [], color=color, label=name)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.invert_xaxis()
        ax.legend(frameon=False, fontsize=9)
        ax.set(title=f"{examples} examples: does noise regularize? Test loss at equal training loss")
        ax.set(xlabel="training loss, nats (time runs to the right)", ylabel="test loss, nats")


REPEATED = 200

EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "minibatches": lab.Study(
            trials.minibatches,
            {"examples": SETS, "log10_rate": (-1.0, -0.75, -0.5, -0.25), "width": 16, "batch": 32, "steps": 2000,
             "every": 25, "dataset": "digits"},
            data=images.load,
        ),
        "whole": lab.Study(
            trials.whole,
            {"examples": SETS, "log10_rate": (-0.5, -0.25, 0.0, 0.25), "width": 16, "steps": 600, "every": 10,
             "dataset": "digits"},
            data=images.load,
        ),
        "update": lab.Cost(trials.updating, {"batch": (32, *SETS), "width": 16, "repeated": REPEATED}),
        "powers": lab.Cost(
            trials.updating, {"batch": (63, 64, 65, 127, 128, 129), "width": 256, "repeated": 20}, repeats=16
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "minibatches.log10_rate": (-1.0, -0.5), "minibatches.steps": 60, "minibatches.every": 10,
            "whole.log10_rate": (-0.5, 0.0), "whole.steps": 20, "whole.every": 5, "powers.width": 32,
        },
        "full": {
            "seeds": 64, "minibatches.width": 128, "minibatches.steps": 20_000, "minibatches.every": 100,
            "whole.width": 128, "whole.steps": 6000, "whole.every": 25, "update.width": 128, "powers.width": 2048,
        },
    },
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
