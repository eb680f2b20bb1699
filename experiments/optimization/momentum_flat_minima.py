"""Does momentum find flatter minima, and do flatter minima generalize better?

Sources: ee147 Optimizing Gradient Descent (momentum tends to find flat optima, and flat ones should generalize better);
Keskar et al. 2016 (arXiv 1609.04836); Dinh et al. 2017 (arXiv 1703.04933); Lewkowycz et al. 2020 (arXiv 2003.02218);
Cohen et al. 2021 (arXiv 2103.00065); Wang et al. 2023 (arXiv 2307.15196).

A ReLU network with two hidden layers learns 128 digits, drawn anew for each seed, until its cross-entropy over all of
them is 0.01, so that minima are compared at equal training loss; a run that never gets there leaves its comparison
undecided. Sharpness is the largest eigenvalue of the Hessian there, the trace the sum of all. Momentum is 0.9 against 0
at the same *effective* rate ε/(1 − α), that of the steps in the long run; "best rate" is the one of the lowest mean
test loss. Batches are of 16, or of all 128. To rescale a layer is to multiply what leads into its units by 16 and to
divide what leads out of them: the function stays.

A pilot on two other seeds, of all arms, set the sizes and the rates at which every run arrives; the predictions had
been planned before it and were written down after it. After the first standard run the smallest rate of the large
batches was left out, which took half of the time, their steps capped at 2200 and the rates rounded; no prediction was
changed, but "lower test error" went from refuted to inconclusive: it hangs on such things.
"""

import flat_minima_trials as trials
import numpy as np
import xarray as xr
from scipy import stats

from dlnotes import lab
from dlnotes.data import images

DESCENT, MOMENTUM = 0.0, 0.9


def reached(study, name):
    """A measure of the runs that got to the loss wanted, NaN for the others."""
    return study[name].where(study.training_loss <= study.attrs["target"])


def log2(study, name="sharpness"):
    return np.log2(reached(study, name))


def gain(array):
    """Momentum less descent at each effective rate."""
    return array.sel(momentum=MOMENTUM, drop=True) - array.sel(momentum=DESCENT, drop=True)


def at_best(study, name):
    """Momentum less descent, each at its own best rate."""
    found = lab.at_best(reached(study, name), reached(study, "test_loss"), "effective_rate")
    return gain(found)


def rank_correlation(a, b):
    """Spearman's over all arms and rates, one number for each seed; NaN if a run is missing."""

    def one(x, y):
        x, y = x.ravel(), y.ravel()
        return stats.spearmanr(x, y).statistic if np.isfinite(x + y).all() else np.nan

    a, b = xr.broadcast(a, b)
    runs = [dim for dim in a.dims if dim != "seed"]
    return xr.apply_ufunc(one, a, b, input_core_dims=[runs, runs], vectorize=True)


def same_nominal(study):
    """log₂ sharpness of momentum at ε over that of descent at the same ε: effective rates tenfold apart."""
    sharp = log2(study)
    rates = sharp.effective_rate.values
    pairs = [(i, j) for i, low in enumerate(rates) for j, high in enumerate(rates) if np.isclose(high, 10 * low)]
    parts = [sharp.sel(momentum=MOMENTUM, drop=True).isel(effective_rate=j, drop=True)
             - sharp.sel(momentum=DESCENT, drop=True).isel(effective_rate=i, drop=True) for i, j in pairs]  # fmt: skip
    return xr.concat(parts, "pair").mean("pair", skipna=False)


EE147, COHEN, DINH = "ee147 Optimizing Gradient Descent", "Cohen et al. 2021", "Dinh et al. 2017"

# Margins. Equal: to a quarter more or less. Laws: rescaling by a power of two rounds nothing; a Hessian-vector product
# in float32 is good to 1e-3, its sum of two thousand terms of either sign to 1e-2.
PREDICTIONS = (
    lab.Less(
        "flatter", "batches of 16, same effective rate: momentum ends less sharp (log₂, mean over rates)",
        lambda r: gain(log2(r.small)).mean("effective_rate", skipna=False), source=EE147,
    ),
    lab.Less(
        "flatter_in_trace", "and with a smaller trace (log₂, mean over rates)",
        lambda r: gain(log2(r.small, "trace")).mean("effective_rate", skipna=False), source=EE147,
    ),
    lab.Less(
        "flatter_at_its_best", "batches of 16, each at its best rate: momentum ends less sharp (log₂)",
        lambda r: at_best(r.small.assign(log2=np.log2(r.small.sharpness)), "log2"), source=EE147,
    ),
    lab.Less(
        "flatter_at_the_same_rate", "batches of 16, same nominal rate ε: momentum ends less sharp (log₂)",
        lambda r: same_nominal(r.small), source=EE147,
    ),
    lab.Less(
        "better", "batches of 16, each at its best rate: momentum has a lower test error (share)",
        lambda r: at_best(r.small, "test_error"), source=EE147,
    ),
    lab.Greater(
        "sharper_is_worse", "batches of 16: the sharper, the higher the test loss (rank correlation over all runs)",
        lambda r: rank_correlation(reached(r.small, "sharpness"), reached(r.small, "test_loss")), source=EE147,
    ),
    lab.Greater(
        "sharper_is_worse_whole", "so with all examples in a batch (rank correlation over all runs)",
        lambda r: rank_correlation(reached(r.whole, "sharpness"), reached(r.whole, "test_loss")), source=EE147,
    ),
    lab.Equivalent(
        "alike_at_small_rates", "batches of 16, smallest effective rate: momentum makes no difference (log₂ sharpness)",
        lambda r: gain(log2(r.small)).isel(effective_rate=0, drop=True),
        source="Wang et al. 2023", within=float(np.log2(1.25)),
    ),
    lab.Greater(
        "sharper_at_the_edge", "all examples in a batch, largest effective rate: momentum ends *sharper* (log₂)",
        lambda r: gain(log2(r.whole)).isel(effective_rate=-1, drop=True), source=COHEN,
    ),
    lab.Less(
        "rate_flattens", "batches of 16: the larger the effective rate, the less sharp (rank correlation)",
        lambda r: rank_correlation(reached(r.small, "sharpness"), r.small.effective_rate),
        source="Lewkowycz et al. 2020",
    ),
    lab.Less(
        "small_batches_flatten", "small batches end less sharp than all examples at once (log₂, at shared rates)",
        lambda r: (log2(r.small) - log2(r.whole).reindex_like(log2(r.small)))
        .sel(effective_rate=np.intersect1d(r.small.effective_rate, r.whole.effective_rate))
        .mean(("effective_rate", "momentum"), skipna=False), source="Keskar et al. 2016",
    ),
    lab.Equivalent(
        "rescaling_keeps_the_function", "rescaling a layer changes no output (largest change of a logit)",
        lambda r: r.small.rescaled_change.max(("momentum", "effective_rate"), skipna=False), source=DINH, within=1e-6,
    ),
    lab.Equivalent(
        "rescaling_moves_curvature", "curvature along moved directions is as before: H′ = D⁻¹HD⁻¹ (worst ratio)",
        lambda r: 1 + abs(r.small.rescaled_curvature - 1).max(("momentum", "effective_rate"), skipna=False),
        source=DINH, target=1, within=0.01,
    ),
    lab.Greater(
        "rescaling_sharpens", "rescaling makes the same function over 10 times as sharp (log₁₀, least of all runs)",
        lambda r: np.log10(r.small.rescaled_sharpness / r.small.sharpness)
        .min(("momentum", "effective_rate"), skipna=False), source=DINH, margin=1,
    ),
)  # fmt: skip


NAMES = {DESCENT: "descent", MOMENTUM: "momentum 0.9"}


def draw(r):
    """Sharpness against the rate with small batches and without; test loss against sharpness; rescaling."""
    figure, axes = lab.figures.panels(4)
    titles = {
        "small": "Batches of 16: momentum ends no flatter, at large rates sharper",
        "whole": "All at once: at large rates descent is flattened, momentum is not",
    }
    for ax, (name, title) in zip(axes, titles.items(), strict=False):
        sharp = reached(getattr(r, name), "sharpness")
        lab.figures.dots(ax, sharp, x="effective_rate", hue="momentum", labels=NAMES, log="xy")
        ax.set(title=title, xlabel="effective rate ε/(1 − α)", ylabel="sharpness at the end")
    for i, arm in enumerate((DESCENT, MOMENTUM)):
        x, y = (reached(r.small, name).sel(momentum=arm).values.ravel() for name in ("sharpness", "test_loss"))
        axes[2].plot(x, y, ".", color=lab.figures.PALETTE[i], markersize=5, alpha=0.7, label=NAMES[arm])
    axes[2].set(xscale="log", yscale="log", xlabel="sharpness", ylabel="test loss, nats")
    axes[2].set_title("Batches of 16: is sharper worse? Every run is a dot")
    lab.figures.legend_below(axes[2])
    sharp = r.small[["sharpness", "rescaled_sharpness"]].sel(momentum=DESCENT).to_dataarray("network")
    labels = {"sharpness": "as trained", "rescaled_sharpness": "a layer rescaled"}
    lab.figures.dots(axes[3], sharp, x="effective_rate", hue="network", labels=labels, log="xy",
                     colors=("black", lab.figures.PALETTE[4]))  # fmt: skip
    axes[3].set(title="The same function can be as sharp as one likes", xlabel="effective rate", ylabel="sharpness")
    return figure


SETTINGS = {
    "momentum": (DESCENT, MOMENTUM), "target": 0.01, "examples": 128, "width": 24, "dataset": "digits",
}  # fmt: skip
EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "small": lab.Study(
            trials.training,
            SETTINGS | {
                "effective_rate": (0.018, 0.032, 0.056, 0.1, 0.18),
                "batch": 16, "steps": 6000, "check": 4,
            },
            data=images.load,
        ),
        "whole": lab.Study(
            trials.training,
            SETTINGS | {
                "effective_rate": (0.056, 0.1, 0.18, 0.32),
                "batch": 128, "steps": 2200, "check": 1,
            },
            data=images.load,
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 2, "small.steps": 800, "whole.steps": 300, "small.target": 0.5, "whole.target": 0.5,
            "small.effective_rate": (0.018, 0.18), "whole.effective_rate": (0.18, 0.32),
        },
        "full": {
            "seeds": 32, "small.examples": 1000, "whole.examples": 1000, "whole.batch": 1000, "small.steps": 40_000,
            "whole.steps": 20_000, "small.width": 100, "whole.width": 100,
        },
    },
)  # fmt: skip
