"""Do likeliest estimates converge, how fast and with what bias, and what does one outlier do to them?

Sources: dlbook 1.4.2 and 1.4.4; lectures Bias, Variance, Mean Squared Error and Maximum Likelihood Estimator; ee147
Maximum Likelihood Optimization and Supervised Learning Example (squared error weighs outliers more than absolute).

"Estimates": the mean and variance of N(1, 2²), the variance with the divisor m (the likeliest) or m − 1 (unbiased), the
chance 0.3 of a coin, and, to compare, the first example alone as an estimate of the mean. A seed has 4096 data sets,
from whose first 2, 4, 16 … 1024 examples each is estimated.

"Outlier": a line 1 + 2x through 30 points, inputs between −1 and 1, noise N(0, 0.5²), fitted by least squared or least
absolute error. One of the points lies 0 to 1000 above the line, without noise, at x = 0.8 or far outside at x = 30.
The error is that of the slope, its mean over 64 data sets a seed.

"Far outside" was x = 10 in a first quick run, where absolute error held: a line through the outlier at x costs the
other points Σ|xᵢ|·size/x, about 15 sizes over x, and one that leaves it costs its size. So far is beyond 15.
"""

import estimators_converge_trials as trials
import numpy as np
import xarray as xr

from dlnotes import lab

LIKELIEST = ["mean", "variance, ML", "coin"]


def estimates(r, measure):
    """A measure of each estimator for each number m of examples."""
    return r.estimates[measure].assign_coords(
        m=list(trials.sizes(r.estimates.attrs["count"])), estimator=list(trials.ESTIMATORS)
    )


def exponent(array, dim):
    """d log array/d log dim, by least squares."""
    logs = np.log(array).assign_coords({dim: np.log(array[dim])})
    return logs.polyfit(dim, 1, skipna=False).polyfit_coefficients.isel(degree=0)


def rate(r):
    """Exponents of the root mean squared error against m ≥ 16."""
    return exponent(np.sqrt(estimates(r, "mean_squared_error").sel(m=slice(16, None))), "m")


def last(r, measure):
    """A measure with the most examples."""
    return estimates(r, measure).isel(m=-1, drop=True)


def mean_variance(r, name):
    """Mean estimate of a variance over the true one, for m = 2, 4, 16."""
    return 1 + estimates(r, "bias").sel(estimator=name, m=[2, 4, 16], drop=True) / 4


def slope_error(r, loss, at):
    """Mean error of the slope against the outlier's size."""
    return r.outlier[loss].sel(at=at, drop=True)


def far(array):
    """Outliers of size 10 and more."""
    return array.sel(size=slice(10, None))


DLBOOK, LECTURES, EE147 = "dlbook 1.4.2", "lectures Mean Squared Error", "ee147 Supervised Learning Example"

# Tolerances. Exponents: chance leaves 0.003, terms in 1/m 0.01; with outliers, noise adds to the least of them. Biases:
# six standard errors of 16 × 4096 sets (three at first, which left a second standard run, of other keys, inconclusive).
# Shares: one in a hundred is nothing. Identities: rounding.
PREDICTIONS = (
    lab.Equivalent(
        "rate", "errors of the likeliest estimates fall like 1/√m (exponent, the farthest of three from −½)",
        lambda r: abs(rate(r).sel(estimator=LIKELIEST) + 0.5).max("estimator") - 0.5,
        source=f"{DLBOOK}; theory: central limit", target=-0.5, within=0.02,
    ),
    lab.Equivalent(
        "consistent", "1024 examples: no likeliest estimate misses by a quarter of its deviation (largest share)",
        lambda r: last(r, "off").sel(estimator=LIKELIEST).max("estimator"), source=f"{DLBOOK} (5.55)", within=0.01,
    ),
    lab.Greater(
        "unbiased_is_not_enough", "one example is an unbiased estimate of the mean; for every m most miss by that much",
        lambda r: estimates(r, "off").sel(estimator="first example", drop=True).min("m") - 0.5, source=DLBOOK,
    ),
    lab.Equivalent(
        "biased_variance", "the likeliest variance is (m − 1)/m of the true one on average (over law, m = 2, 4, 16)",
        lambda r: (mean_variance(r, "variance, ML") / (1 - 1 / xr.DataArray([2, 4, 16], dims="m"))).mean("m"),
        source=f"{DLBOOK}; {LECTURES}", target=1, within=0.02,
    ),
    lab.Equivalent(
        "unbiased_variance", "the divisor m − 1 mends that (mean over the true one)",
        lambda r: mean_variance(r, "variance, unbiased").mean("m"), source=DLBOOK, target=1, within=0.02,
    ),
    lab.Equivalent(
        "unbiased_in_the_end", "the likeliest variance is asymptotically unbiased (bias over the truth, 1024 examples)",
        lambda r: last(r, "bias").sel(estimator="variance, ML", drop=True) / 4, source=LECTURES, within=0.005,
    ),
    lab.Equivalent(
        "bias_can_help", "m = 4: its mean squared error is (2m − 1)(m − 1)/2m² = 0.66 of that of the unbiased one",
        lambda r: estimates(r, "mean_squared_error").sel(m=4, estimator="variance, ML", drop=True)
        / estimates(r, "mean_squared_error").sel(m=4, estimator="variance, unbiased", drop=True),
        source=f"{DLBOOK}: low mean squared error is desirable", target=21 / 32, within=0.02,
    ),
    lab.Equivalent(
        "identity", "mean squared error is bias² + variance for every estimator and m (largest relative difference)",
        lambda r: abs((r.estimates.bias_squared + r.estimates.variance) / r.estimates.mean_squared_error - 1)
        .max(("m", "estimator")), source=f"{DLBOOK} (5.54); {LECTURES}", within=1e-9,
    ),
    lab.Equivalent(
        "likeliest_is_least_squares", "Gaussian noise: the likeliest line is that of least squares (worst difference)",
        lambda r: r.outlier.off_likelihood.max(("size", "at")), source="dlbook 1.4.4; lectures", within=1e-9,
    ),
    lab.Equivalent(
        "outlier_law", "least squares: the slope moves by size·(x − x̄)/Σ(x − x̄)² (largest difference over 1 + size)",
        lambda r: r.outlier.shift_off_law.max(("size", "at")), source="theory: fits are linear in y", within=1e-9,
    ),
    lab.Equivalent(
        "squared_is_linear", "so its error grows like the outlier (exponent, sizes from 10)",
        lambda r: exponent(far(slope_error(r, "squared", "inside")), "size"), source=EE147, target=1, within=0.05,
    ),
    lab.Equivalent(
        "absolute_is_bounded", "absolute error: an outlier of 1000 does no more than one of 10 (log₁₀ of the errors)",
        lambda r: np.log10(slope_error(r, "absolute", "inside").sel(size=1000) / slope_error(r, "absolute", "inside")
        .sel(size=10)), source=EE147, within=0.01,
    ),
    lab.Equivalent(
        "far_input", "but far outside the inputs an outlier draws that line too (exponent, sizes from 10)",
        lambda r: exponent(far(slope_error(r, "absolute", "far outside")), "size"),
        source="theory: absolute error bounds residuals, not inputs", target=1, within=0.05,
    ),
    lab.Greater(
        "squared_without_outlier", "without outliers absolute error estimates the slope worse (log₁₀)",
        lambda r: np.log10(slope_error(r, "absolute", "inside") / slope_error(r, "squared", "inside")).sel(size=0),
        source="theory: least squares is efficient for Gaussian noise",
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(4)
    error = np.sqrt(estimates(r, "mean_squared_error"))
    lab.figures.seeds(axes[0], error, x="m", hue="estimator", log="xy")
    m = error.m.values
    for deviation in sorted(set(trials.DEVIATION)):
        axes[0].plot(m, deviation / np.sqrt(m), color="black", linestyle=":", linewidth=1)
    axes[0].set(title="Errors fall like 1/√m (dotted), but for one example", xlabel="examples m")
    axes[0].set(ylabel="root mean squared error")
    mean = 1 + estimates(r, "bias").sel(estimator=list(trials.ESTIMATORS[1:3])) / 4
    lab.figures.seeds(axes[1], mean, x="m", hue="estimator", log="x")
    axes[1].plot(m, 1 - 1 / m, color="black", linestyle=":", linewidth=1)
    axes[1].set(title="The likeliest variance is too small, by (m − 1)/m (dotted)", xlabel="examples m")
    axes[1].set(ylabel="mean estimate over the true variance")
    both = r.outlier[["squared", "absolute"]].to_dataarray("loss")
    both = both.assign_coords(size=[f"{size:g}" for size in both["size"].values])
    for ax, at in zip(axes[2:], ("inside", "far outside"), strict=True):
        lab.figures.seeds(ax, both.sel(at=at, drop=True), x="size", hue="loss", log="y")
        ax.set(xlabel="the outlier's height above the line", ylabel="mean error of the slope, true slope 2")
    axes[2].set(title="An outlier among the inputs: absolute error bounds its weight")
    axes[3].set(title="Far outside the inputs: it draws either line")
    return figure


OWN = ("m", "estimator")

EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "estimates": lab.Study(
            trials.estimating,
            {"count": 6, "sets": 4096},
            dims=dict.fromkeys(("bias_squared", "variance", "mean_squared_error", "bias", "off"), OWN),
        ),
        "outlier": lab.Study(
            trials.outlier,
            {"size": (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0), "at": {"inside": 0.8, "far outside": 30.0},
             "n": 30, "sets": 64},
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {"seeds": 4, "estimates.count": 5, "estimates.sets": 128, "outlier.sets": 8},
        "full": {"seeds": 64, "estimates.count": 9, "estimates.sets": 16_384, "outlier.sets": 2048},
    },
    x64=True,
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
