"""What does the size of a batch change: the noise, the progress, the steps on which the cost rises?

Sources: cs182 3.4; ee147 Hinge Loss Gradient; lectures, Stochastic Gradient Descent; formulas 2.4.1; McCandlish et al.
2018 (arXiv 1812.06162). What the formula sheet advises is tested in `batch_size_rules`.

All on the digits, by networks with two hidden ReLU layers; losses are cross-entropies in nats. *Noise*: gradients at
the start (8 units a layer), 128 batches of each size, against the gradient of all 1437 examples. *Progress* (16 units):
1408 examples, shuffled anew for every epoch, in batches of 4 to all of them, under plain descent at constant rates. All
sizes see the same examples in the same order; a large batch is gradients of batches of 4, added up, so that all sizes
are one compiled program. A step's cost is that of its batch before the update; it "rises" where it is above the one
before.

Every size is shown at its own best rate, the lowest mean over seeds of the measure in question. A training loss that is
not finite or above log 10, that of knowing nothing, counts as that.
"""

import batch_size_trials as trials
import numpy as np
import xarray as xr

from dlnotes import lab
from dlnotes.data import images

EXAMPLES = 1437
ACCUMULATED = {"4": 1, "16": 4, "64": 16, "352": 88, "1408": 352}


def estimate(r, measure, scheme):
    found = r.estimates[measure].isel(scheme=trials.SCHEMES.index(scheme), drop=True)
    return found.assign_coords(size=list(trials.SIZES))


def noise_slope(r):
    """Of log variance over log size, with replacement."""
    square = estimate(r, "square", "with replacement")
    return lab.exponent(square, square["size"])


def over_law(r, scheme):
    """log₂ of the variance over σ²/B, times (N − B)/(N − 1) without replacement; the mean over sizes."""
    square = estimate(r, "square", scheme)
    size = square["size"]
    finite = (EXAMPLES - size) / (EXAMPLES - 1) if scheme == "without" else 1.0
    return np.log2(square * size / finite / r.estimates.one).mean("size")


def capped(loss):
    return loss.where(np.isfinite(loss), np.log(10)).clip(max=np.log(10))


def progress(r, size, epoch=-1):
    """log₁₀ of the training loss after an epoch, for each rate."""
    return np.log10(capped(r.progress.training_loss)).sel(microbatches=size, drop=True).isel(step=epoch, drop=True)


def ahead(r, size, other, epoch=-1):
    """At each size's best rate."""
    first, second = (lab.at_best(values, values, "log10_rate") for values in
                     (progress(r, size, epoch), progress(r, other, epoch)))  # fmt: skip
    return first - second


def best_rate(r, size):
    """log₁₀ of each seed's best rate at the end."""
    return progress(r, size).idxmin("log10_rate")


def rising(r, size, rate):
    return r.progress.rising.sel(microbatches=size, log10_rate=rate, drop=True)


CS182, EE147, LECTURES = "cs182 3.4", "ee147 Hinge Loss Gradient", "lectures Stochastic Gradient Descent"
SHEET, MCCANDLISH = "formulas 2.4.1", "McCandlish et al. 2018"
TENTH = float(np.log10(1.1))

# Tolerances. 128 draws know a variance to a few percent in a seed, 1 % in the mean of 16 seeds: 0.05 in log₂ is 3.5 %;
# over three decades of sizes that bends a slope by less than 0.02. A squared bias of 1 % of the variance is a tenth of
# the noise's deviation. Losses: a tenth, about a step between two rates' losses.
PREDICTIONS = (
    lab.Equivalent(
        "unbiased", "minibatch gradients are unbiased (squared bias over variance, mean over sizes and schemes)",
        lambda r: r.estimates.bias.mean(("scheme", "size")), source=f"{CS182}.2", within=0.01,
    ),
    lab.Equivalent(
        "one_over_size", "their variance is proportional to 1/B with replacement (slope)",
        noise_slope, source=f"{CS182}.2; {EE147}", target=-1.0, within=0.02,
    ),
    lab.Equivalent(
        "finite_population", "without replacement it is σ²/B · (N−B)/(N−1) (log₂ of the ratio, mean over sizes)",
        lambda r: over_law(r, "without"), source="theory: sampling from a finite population", within=0.05,
    ),
    lab.Less(
        "smaller_is_ahead_early", "after one epoch batches of 16 are ahead of 352 by a tenth or more (loss, log₁₀)",
        lambda r: ahead(r, "16", "352", 0), source=f"{EE147}; {LECTURES}", margin=TENTH,
    ),
    lab.Less(
        "minibatch_beats_full", "after the same epochs batches of 16 are ahead of the full batch (loss, log₁₀)",
        lambda r: ahead(r, "16", "1408"), source=f"{EE147}; {LECTURES}", margin=TENTH,
    ),
    lab.Greater(
        "up_to_a_point", "after one epoch batches of 4 are not ahead of 16 by a tenth (log₁₀ of the ratio, by 1/1.1)",
        lambda r: ahead(r, "4", "16", 0) + TENTH, source=MCCANDLISH,
    ),
    lab.Greater(
        "best_rate_grows", "the best rate of batches of 352 is above that of batches of 4 (log₁₀)",
        lambda r: best_rate(r, "352") - best_rate(r, "4"), source=MCCANDLISH,
    ),
    lab.Greater(
        "cost_may_rise", "rate 0.3, batches of 64: the cost rises on over 5 % of the steps (share)",
        lambda r: rising(r, "64", -0.5), source=SHEET, margin=0.05,
    ),
    lab.Equivalent(
        "rises_half_the_time", "rate 0.1, batches of 4: it rises on every other step (share)",
        lambda r: rising(r, "4", -1.0), source="theory: two batches are exchangeable", target=0.5, within=0.05,
    ),
    lab.Equivalent(
        "full_batch_never_rises", "full batch, rate 0.03: it never rises (share of steps)",
        lambda r: rising(r, "1408", -1.5), source="theory: the rate is below 2/L", within=0.01,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(4)
    draw_noise(r, axes[0])
    draw_progress(r, axes[1:])
    return figure


def draw_noise(r, ax):
    """Variance by size, and both laws."""
    square = xr.concat([estimate(r, "square", scheme) for scheme in trials.SCHEMES], "scheme")
    square = square.assign_coords(scheme=list(trials.SCHEMES)) / r.estimates.one
    lab.figures.seeds(ax, square, x="size", hue="scheme", log="xy")
    size = np.geomspace(1, 1400, 100)
    for law in (1 / size, (EXAMPLES - size) / (EXAMPLES - 1) / size):
        ax.plot(size, law, color="black", linestyle=":", linewidth=1, zorder=5)
    ax.set(title="The noise of a batch: 1/B, or less where it is a share of the set (dotted)", xlabel="batch size B")
    ax.set(ylabel="variance, one example's = 1")


def draw_progress(r, axes):
    """Loss by epoch at each best rate; by rate; how often the cost rises."""
    sizes = list(r.progress.microbatches.values)
    curves = []
    for size in sizes:
        loss = np.log10(capped(r.progress.training_loss)).sel(microbatches=size, drop=True)
        curves.append(lab.at_best(loss, loss.isel(step=-1, drop=True), "log10_rate"))
    curves = 10 ** xr.concat(curves, "batch").assign_coords(batch=sizes)
    lab.figures.seeds(axes[0], curves.rename(step="epoch"), x="epoch", hue="batch", log="y")
    axes[0].set(title="Same examples seen: smaller batches, more steps (each at its best rate)", ylabel="training loss")
    last = capped(r.progress.training_loss).isel(step=-1).rename(microbatches="batch")
    lab.figures.seeds(axes[1], last, x="log10_rate", hue="batch", log="y")
    axes[1].set(title="Larger batches want larger rates", xlabel="log₁₀ of the learning rate", ylabel="training loss")
    rises = r.progress.rising.rename(microbatches="batch")
    lab.figures.seeds(axes[2], rises, x="log10_rate", hue="batch")
    axes[2].set(title="How often the cost of a batch is above that of the one before", ylabel="share of steps")
    axes[2].set(xlabel="log₁₀ of the learning rate")


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "estimates": lab.Study(
            trials.estimates, {"width": 8, "draws": 128, "dataset": "digits"}, data=images.load,
            dims={"square": ("scheme", "size"), "bias": ("scheme", "size")},
        ),
        "progress": lab.Study(
            trials.progress,
            {"microbatches": ACCUMULATED, "log10_rate": (-1.5, -1.0, -0.5, 0.0, 0.5), "examples": 1408, "width": 16,
             "epochs": 15, "dataset": "digits"},
            data=images.load,
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "draws": 16, "progress.width": 8, "epochs": 2, "log10_rate": (-1.5, -1.0, -0.5),
        },
        "full": {"seeds": 64, "draws": 1024, "estimates.width": 32, "progress.width": 128, "epochs": 60},
    },
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
