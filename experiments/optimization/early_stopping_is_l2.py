"""Is stopping early the same as an L2 penalty, does it prevent overfitting, and is its validation error true?

Sources: lectures Early Stopping (prevents overfitting; a small volume of parameter space; validation data are used up;
training again gives other parameters) and Initializations (parameters stay near a small start); ee147 Regularization.
That stopping after τ steps acts like a penalty α ≈ 1/(ετ) is in Goodfellow, Bengio & Courville 2016, section 7.8, not
in the notes. Ali, Kolter & Tibshirani 2019 (arXiv 1810.10082) compare the risks.

Quadratic: 40 axes, curvature λ from 1e-4 to 1, ε = 0.1, a start w₀ and a minimum w* at distance 1 along each axis.
Along an axis stopping keeps 1 − (1 − ελ)^τ of the way from w₀ to w*, a penalty on the distance from w₀ keeps λ/(λ + α).
Reach is ετ. Digits: least squares on 100 pictures, ten labels as 0 or 1, pixels and labels less their means, from
w = 0; up to 10⁴ steps of 1/λmax, looked at 45 times at about equal ratios. Half of the other pictures choose the time,
or the penalty among the same 45 values of 1/(ετ), the other half tests it.

Network: two hidden ReLU layers of 32 units on 100 digits, a fifth of them with a random label, 600 steps of descent on
all of them; 50 others validate after every step, patience 50. Each seed trains twice from other starts; the numbers are
means over both. Optimism: how much larger the true error is than the validation error at the time that this validation
set chose, relative; least squares again, over 256 validation sets drawn from all the pictures that are left.
"""

import early_stopping_trials as trials
import numpy as np
import xarray as xr

from dlnotes import lab
from dlnotes.data import images


def chosen(r, how, what):
    """A measure of least squares at the time, or the penalty, with the lowest validation error."""
    best = r.digits[f"{how}_validation"].argmin("time")
    return r.digits[f"{how}_{what}"].isel(time=best, drop=True).drop_vars("time", errors="ignore")


def same_strength(r):
    """log₂ of ετ where stopping is best on validation over 1/α where L2 is."""
    best = {how: r.digits[f"{how}_validation"].argmin("time") for how in ("stopped", "l2")}
    times = np.log2(r.digits.times)
    return times.isel(time=best["stopped"], drop=True) - times.isel(time=best["l2"], drop=True)


def overfitting(r):
    """log₁₀ of the test error after all steps over that at the chosen time."""
    return np.log10(r.digits.stopped_test.isel(time=-1, drop=True) / chosen(r, "stopped", "test"))


def optimism(r, size):
    return r.digits.stopped_optimism.assign_coords(validation=list(trials.VALIDATION)).sel(validation=size, drop=True)


def both(measure):
    """The mean over the two networks of a seed."""
    return measure.mean("start", skipna=False)


def travelled(r):
    """log₂ of the distance from the start at the end over that where stopping leaves the network."""
    return both(np.log2(r.network.last_away / r.network.stopped_away))


GBC, LECTURES = "Goodfellow, Bengio & Courville 2016, 7.8", "lectures Early Stopping"

# Tolerances. Laws: rounding in float64. The largest gap is that of 1 − e^−s and s/(1 + s), at s = 2.51; 40 axes come to
# within 0.002 of it, ε = 0.1 moves it by less. Nearest penalty: a factor of 2. Errors: 5 %, one picture in a hundred.
PREDICTIONS = (
    lab.Equivalent(
        "law", "quadratic: τ steps end at w₀ + (1 − (1 − ελ)^τ)(w* − w₀) along each axis (largest error)",
        lambda r: r.bowl.law_error.max("reach", skipna=False), source="lectures Initializations; Goodfellow et al. 7.8",
        within=1e-9,
    ),
    lab.Equivalent(
        "nearest_penalty", "quadratic: the penalty nearest to stopping is 1/(ετ), to a factor of 2 (largest |log₂|)",
        lambda r: abs(np.log2(r.bowl.nearest)).max("reach", skipna=False), source=GBC, within=1.0,
    ),
    lab.Equivalent(
        "weak_axes", "quadratic, ετ = 1: both keep the same to 0.01 of the way where λ < 0.1 α (largest gap)",
        lambda r: weak(r), source=GBC, within=0.01,
    ),
    lab.Equivalent(
        "largest_gap", "quadratic: at most they are 0.204 of the way apart, to 0.005 (largest gap)",
        lambda r: r.bowl.gap.max("reach", skipna=False), source="theory: max of 1/(1 + s) − e^−s", target=0.2036,
        within=0.005,
    ),
    lab.Equivalent(
        "risk", "best stopping time: 1 to 1.22 times the risk of the best penalty, none better on average",
        lambda r: r.bowl.risk_ratio.isel(reach=0, drop=True), source="Ali et al. 2019, theorem 3", target=1.11,
        within=0.11,
    ),
    lab.Equivalent(
        "digits_same_error", "digits: stopping and L2, each at its best, have the same squared test error (log₁₀)",
        lambda r: np.log10(chosen(r, "stopped", "test") / chosen(r, "l2", "test")), source=GBC,
        within=float(np.log10(1.05)),
    ),
    lab.Equivalent(
        "digits_same_wrong", "digits: and mistake the same share of pictures",
        lambda r: chosen(r, "stopped", "wrong") - chosen(r, "l2", "wrong"), source=GBC, within=0.01,
    ),
    lab.Equivalent(
        "digits_same_strength", "digits: the best ετ is the best 1/α, to a factor of 2 (log₂)",
        same_strength, source=GBC, within=1.0,
    ),
    lab.Greater(
        "digits_overfit", "digits: without stopping the squared test error is higher (log₁₀)",
        overfitting, source=LECTURES,
    ),
    lab.Greater(
        "optimism", "digits: the error is higher than 50 validation pictures said when they chose the time (relative)",
        lambda r: optimism(r, 50), source=LECTURES,
    ),
    lab.Equivalent(
        "optimism_is_small", "digits: but by less than a twentieth (relative)",
        lambda r: optimism(r, 50), source="ours: only one number is chosen", within=0.05,
    ),
    lab.Greater(
        "optimism_falls", "digits: 20 validation pictures are more optimistic than 200 (relative)",
        lambda r: optimism(r, 20) - optimism(r, 200), source="theory: the smallest of noisier numbers",
    ),
    lab.Greater(
        "network_overfits", "network: the test loss is higher at the end than where it would have been stopped (log₁₀)",
        lambda r: both(np.log10(r.network.last_loss / r.network.stopped_loss)), source=LECTURES,
    ),
    lab.Greater(
        "network_wrong", "network: so is the share of wrong test pictures",
        lambda r: both(r.network.last_wrong - r.network.stopped_wrong), source=LECTURES,
    ),
    lab.Equivalent(
        "volume", "network: τ steps lead no further than ετ·max‖g‖ (excess of the distance, relative)",
        lambda r: (r.network.stopped_away / r.network.bound - 1).clip(min=0).max("start"), source=LECTURES, within=1e-4,
    ),
    lab.Greater(
        "small_volume", "network: stopped, it is less than half as far from its start as at the end (log₂)",
        travelled, source=LECTURES, margin=1.0,
    ),
    lab.Greater(
        "training_again", "network: trained again from another start, it answers otherwise on over 1 % of the pictures",
        lambda r: r.network.disagree, source=LECTURES, margin=0.01,
    ),
    lab.Less(
        "training_again_error", "network: but its share of wrong answers changes by less than 0.03 (by that)",
        lambda r: abs(r.network.stopped_wrong.diff("start").isel(start=0, drop=True)) - 0.03, source="ours",
    ),
)  # fmt: skip


def weak(r):
    """Largest gap between the shares kept, ετ = 1, along axes with λ < 0.1 α = 0.1."""
    axes = r.bowl[["kept_stopped", "kept_l2"]].sel(reach=1.0, drop=True)
    condition, n = r.bowl.attrs["condition"], r.bowl.attrs["n"]
    flat = condition ** np.linspace(0, 1, n) / condition < 0.1
    return abs(axes.kept_stopped - axes.kept_l2).isel(axis=np.flatnonzero(flat)).max("axis", skipna=False)


def draw(r):
    figure, axes = lab.figures.panels(6)
    draw_shares(r, axes[0])
    draw_digits(r, axes[1:3])
    found = (100 * r.digits.stopped_optimism).assign_coords(validation=list(trials.VALIDATION))
    lab.figures.dots(axes[3], found, x="validation")
    axes[3].axhline(0, color="black", linewidth=0.8)
    axes[3].set(title="The chosen validation error is too good, if few pictures choose")
    axes[3].set(xlabel="pictures in the validation set", ylabel="true error above it, per cent")
    curves = r.network[["training_loss", "validation_loss"]].isel(start=0).to_dataarray("loss")
    names = {"training_loss": "training (a fifth wrong labels)", "validation_loss": "validation"}
    lab.figures.seeds(axes[4], curves, x="step", hue="loss", labels=names)
    axes[4].set(title="Network: validation turns while training goes on", ylabel="cross-entropy, nats")
    ends = r.network[["stopped_loss", "last_loss"]].mean("start").to_dataarray("left")
    lab.figures.dots(axes[5], ends, x="left", labels=("where stopping leaves it", "after all steps"))
    axes[5].set(title="Network: stopping early prevents overfitting", xlabel="", ylabel="test loss, nats")
    return figure


def draw_shares(r, ax):
    """What stopping and L2 keep along each axis."""
    condition, n = r.bowl.attrs["condition"], r.bowl.attrs["n"]
    curvature = condition ** np.linspace(0, 1, n) / condition
    one = r.bowl.isel(seed=0).sel(reach=100.0)
    ax.semilogx(curvature, one.kept_stopped, color=lab.figures.PALETTE[0], linewidth=2, label="stopped after τ steps")
    ax.semilogx(curvature, one.kept_l2, color=lab.figures.PALETTE[1], linewidth=2, label="L2 with α = 1/(ετ)")
    ax.axvline(2.513 / 100, color="black", linestyle=":", linewidth=1)
    ax.legend(fontsize=8, frameon=False)
    ax.set(
        title="Quadratic, ετ = 100: both keep steep axes; dotted: furthest apart", xlabel="curvature λ along the axis"
    )
    ax.set(ylabel="share of the way to the minimum")


def draw_digits(r, axes):
    """Test error along both, and how strong the best of each is."""
    times = r.digits.times.mean("seed")
    curves = r.digits[["stopped_test", "l2_test"]].to_dataarray("method")
    curves = curves.assign_coords(time=times.values, method=["stopped", "L2"])
    lab.figures.seeds(axes[0], curves, x="time", hue="method", log="xy")
    axes[0].set(title="Digits, least squares on 100 pictures: the two are alike", xlabel="ετ, or 1/α (mean over seeds)")
    axes[0].set(ylabel="squared test error, mean over labels")
    best = {how: chosen(r, how, "wrong") for how in ("stopped", "l2")}
    ends = r.digits.stopped_wrong.isel(time=-1, drop=True)
    array = np.stack([best["stopped"], best["l2"], ends])
    array = xr.DataArray(100 * array, dims=("left", "seed"), coords={"left": ["stopped", "L2", "neither"]})
    lab.figures.dots(axes[1], array, x="left")
    axes[1].set(title="Digits: mistakes of each at its best", xlabel="", ylabel="wrong test pictures, per cent")


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "bowl": lab.Study(
            trials.bowl, {"reach": (1.0, 10.0, 100.0, 1000.0), "rate": 0.1, "condition": 1e4, "n": 40},
            dims={"kept_stopped": ("axis",), "kept_l2": ("axis",)},
        ),
        "digits": lab.Study(
            trials.least_squares, {"examples": 100, "points": 50, "longest": 4.0, "dataset": "digits"},
            data=images.load,
            dims={
                **{f"{how}_{what}": ("time",) for how in ("stopped", "l2") for what in trials.CURVES},
                "times": ("time",), "stopped_optimism": ("validation",),
            },
        ),
        "network": lab.Study(
            trials.network,
            {"wrong": 0.2, "rate": 0.3, "patience": 50, "examples": 100, "validation": 50, "width": 32, "steps": 600,
             "dataset": "digits"},
            data=images.load,
            dims=dict.fromkeys(trials.TWICE, ("start",)),
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "bowl.reach": (1.0, 100.0), "digits.points": 12, "digits.longest": 2.5, "network.width": 8,
            "network.steps": 60, "network.patience": 10,
        },
        "full": {
            "seeds": 64, "dataset": "mnist", "digits.examples": 1000, "network.examples": 5000,
            "network.validation": 1000, "network.width": 256, "network.steps": 5000,
        },
    },
    x64=True,
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
