"""Is an L2 penalty fair: to features in other units, to biases, and does it make functions smooth?

Sources: lectures Training Feed-Forward Networks (standardized inputs are penalized alike) and Parameter Norm Penalties
(biases are left free; consistency under scaling); dlbook 2.2.1; cs182 2.3.1 (large weights are not smooth).

"Units": 100 examples of 20 independent features, all alike important, noise N(0, 1), 32 data sets a seed; then the same
features in units from 10^−1.5 to 10^1.5. To standardize is to take away the mean and divide by the deviation of the
training set. "Kept" is the share of the unpenalized weights (along the true ones) that strength 100 leaves, for the
quarter of the features with the smallest numbers and for that with the largest.

"Biases": 10 features of mean 0, noise N(0, 0.5²), strength 10, 64 data sets a seed of each size; targets are around 0,
or all 50 higher. The error is the training set's mean square.

"Smoothness": the likeliest polynomial of degree 15 for 20 points of sin(4x + 1) with noise N(0, 0.3²), where each
Legendre weight has the prior N(0, σ²): an L2 penalty of 0.3²/σ². Roughness is ∫f″² over −1 … 1, Lipschitz's constant
the largest slope; logarithms are averaged over 32 data sets a seed. As a control, a ReLU network of 50 units fitted to
the same points has its hidden weights multiplied by 100 and its output weights divided by 100.
"""

import fairness_trials as trials
import numpy as np

from dlnotes import lab


def units(r, measure, strength=100.0, **where):
    """A measure of "units" with one strength, in units that differ."""
    found = r.units[measure].assign_coords(strength=list(trials.STRENGTHS))
    return found.sel(strength=strength, decades=1.5, drop=True).isel(where, drop=True)


def error(r, penalized, offset, n=40):
    """Training error, the bias free (0) or penalized (1)."""
    found = r.biases.error.assign_coords(n=list(trials.SIZES)).sel(n=n, offset=offset, drop=True)
    return found.isel(bias=penalized, drop=True)


def harm(r, offset, n=40):
    """log₁₀ of the training error with the bias penalized over that without."""
    return np.log10(error(r, 1, offset, n) / error(r, 0, offset, n))


def by_prior(array):
    return array.assign_coords(prior=list(trials.PRIORS))


def between(r, measure, over, under):
    """A measure of "smoothness" under one σ less that under another."""
    found = by_prior(r.smoothness[measure])
    return found.sel(prior=over, drop=True) - found.sel(prior=under, drop=True)


def gap(r, prior):
    """log₁₀ of test error over training error."""
    found = by_prior(np.log10(r.smoothness.test / r.smoothness.train))
    return found.sel(prior=prior, drop=True)


STANDARD, BIASES, SMOOTH = "lectures Training FFN", "lectures; dlbook 2.2.1", "cs182 2.3.1"
TWICE = float(np.log10(2))

# Tolerances. Rounding: float64 at condition 10⁶, or numbers of 50². Kept shares: chance over 16 × 32 data sets is half
# a hundredth. "Over twice", "over ten times": beyond any chance.
PREDICTIONS = (
    lab.Greater(
        "units_matter", "other units change ridge's predictions (relative to their size, by a tenth)",
        lambda r: units(r, "change"), source=STANDARD, margin=0.1,
    ),
    lab.Equivalent(
        "units_do_not_matter_to_least_squares", "without a penalty they change nothing",
        lambda r: units(r, "change", 0.0), source="theory: equivariance", within=1e-8,
    ),
    lab.Equivalent(
        "standardizing_removes_units", "nor do they after standardizing",
        lambda r: units(r, "standard_change"), source=STANDARD, within=1e-8,
    ),
    lab.Greater(
        "unlike", "other units: of features with large numbers over 0.8 more is kept than of those with small ones",
        lambda r: units(r, "kept", kind=0, end=1) - units(r, "kept", kind=0, end=0), source=STANDARD, margin=0.8,
    ),
    lab.Equivalent(
        "alike", "standardized, all are penalized alike (difference of what is kept)",
        lambda r: units(r, "kept", kind=1, end=1) - units(r, "kept", kind=1, end=0), source=STANDARD, within=0.03,
    ),
    lab.Greater(
        "units_harm", "at strength 10 ridge errs over twice as much in other units as standardized (log₁₀)",
        lambda r: np.log10(units(r, "error", 10.0, inputs=1) / units(r, "error", 10.0, inputs=2)),
        source=STANDARD, margin=TWICE,
    ),
    lab.Greater(
        "bias_underfits", "targets + 50: a penalty on the bias makes the training error over 100 times larger (log₁₀)",
        lambda r: harm(r, 50.0), source=BIASES, margin=2,
    ),
    lab.Equivalent(
        "bias_law", "it adds (ȳ·α/(n + α))² to it (largest difference from the law)",
        lambda r: r.biases.law_error.max("offset"), source="theory: ridge on a column of ones", within=1e-8,
    ),
    lab.Equivalent(
        "no_harm_around_zero", "targets around 0: it changes the training error by less than a hundredth (log₁₀)",
        lambda r: harm(r, 0.0), source="theory: nothing to shrink", within=float(np.log10(1.01)),
    ),
    lab.Greater(
        "small_weights_are_smooth", "σ = 100 gives fits over 100 times as rough as σ = 0.3 (log₁₀ of ∫f″²)",
        lambda r: between(r, "roughness", 100.0, 0.3), source=SMOOTH, margin=2,
    ),
    lab.Greater(
        "always_smoother", "each larger σ is rougher than the one before (least step, log₁₀)",
        lambda r: by_prior(r.smoothness.roughness).diff("prior").min("prior"), source=SMOOTH,
    ),
    lab.Greater(
        "small_slopes", "and its slope is over ten times as steep (log₁₀ of Lipschitz's constant)",
        lambda r: between(r, "lipschitz", 100.0, 0.3), source=SMOOTH, margin=1,
    ),
    lab.Greater(
        "and_overfit", "it overfits more: test over training error, σ = 100 against 0.3 (log₁₀)",
        lambda r: gap(r, 100.0) - gap(r, 0.3), source=SMOOTH, margin=1,
    ),
    lab.Equivalent(
        "size_alone_says_nothing", "a ReLU network with moved, larger weights has the same slope (ratio − 1)",
        lambda r: r.smoothness.moved_lipschitz, source="lectures: decay is inconsistent with scaling", within=1e-8,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(4)
    labels = [f"{inputs}, {end} numbers" for inputs in ("raw", "standardized") for end in ("small", "large")]
    kept = r.units.kept.sel(decades=1.5, drop=True).stack(group=("kind", "end")).reset_index("group", drop=True)
    kept = kept.assign_coords(strength=[f"{v:g}" for v in trials.STRENGTHS], group=labels)
    lab.figures.seeds(axes[0], kept, x="strength", hue="group")
    axes[0].set(title="The penalty hits features with small numbers, unless standardized", ylabel="share kept")
    axes[0].set_xlabel("strength of the penalty")
    shown = r.biases.error.sel(offset=50.0, drop=True).assign_coords(n=list(trials.SIZES))
    lab.figures.seeds(axes[1], shown, x="n", hue="bias", labels=("free", "penalized"), log="xy")
    axes[1].set(title="Targets + 50: a penalized bias underfits", xlabel="examples n", ylabel="training error")
    x = np.linspace(-1, 1, 801)[::8]
    for place, prior in enumerate((0.1, 1.0, 100.0)):
        f = by_prior(r.smoothness.fits).sel(prior=prior).isel(seed=0).values
        axes[2].plot(x, f, color=lab.figures.PALETTE[place], label=f"σ = {prior:g}")
    axes[2].plot(x, np.sin(4 * x + 1), color="black", linewidth=1.5, label="truth")
    axes[2].set(title="Larger weights, rougher fits", xlabel="x", ylabel="y", ylim=(-3, 3))
    lab.figures.legend_below(axes[2])
    errors = by_prior(r.smoothness[["train", "test"]].to_dataarray("error"))
    lab.figures.seeds(axes[3], errors, x="prior", hue="error", labels=("training", "test"), log="xy")
    axes[3].set(title="… and a wider gap between training and test", xlabel="σ of the prior", ylabel="squared error")
    return figure


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "units": lab.Study(
            trials.units, {"decades": (1.5,), "n": 100, "features": 20, "sets": 32},
            dims=dict.fromkeys(("change", "standard_change"), ("strength",))
            | {"error": ("inputs", "strength"), "kept": ("kind", "end", "strength")},
        ),
        "biases": lab.Study(
            trials.biases, {"offset": (0.0, 50.0), "strength": 10.0, "noise": 0.5, "features": 10, "sets": 64},
            dims={"error": ("n", "bias")},
        ),
        "smoothness": lab.Study(
            trials.smoothness, {"noise": 0.3, "n": 20, "degree": 15, "units": 50, "by": 100.0, "sets": 32},
            dims=dict.fromkeys(("roughness", "lipschitz", "train", "test"), ("prior",)) | {"fits": ("prior", "at")},
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {"seeds": 4, "units.sets": 4, "biases.sets": 8, "smoothness.sets": 4},
        "full": {"seeds": 64, "units.sets": 1024, "biases.sets": 1024, "smoothness.sets": 1024},
    },
    x64=True,
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
