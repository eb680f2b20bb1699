"""Do bias and variance trade against each other, which of them does more data remove, and what does a penalty do?

Sources: cs182 2.2 and 2.3; dlbook 1.4.2; lectures Bias, Variance, Mean Squared Error and Regularization; ee147
Generalizing the Model.

All fits are least squares on Legendre polynomials up to some degree, their capacity. Inputs are drawn evenly between −1
and 1, a data set has 30 examples if not said, and the truth is sin(4x + 1) with noise N(0, 0.5²) on its values. Errors
are those against the truth without noise, averaged over 100 points between −1 and 1; a seed has 512 data sets. Bias² is
measured on fits to the values without noise: their mean over data sets is the same, since fits are linear in the
values, and it is known far better.

"Degrees" draws new inputs for each data set, or, where it says "same inputs", only new noise. "More data" fits a cubic,
which cannot follow the truth, and degree 8, which nearly can, to 10 … 10⁴ examples, 128 data sets a seed. "Regimes" has
a truth of degree 4 whose five parts are equally strong, and fits of degree 2 (excludes the truth), 4 (matches it) and
10 (has it among too many others), with an L2 penalty of several strengths, the intercept free of it; "the penalty" is
the strength with the lowest mean log error over the seeds.

In the first standard run bias² was that of the noisy fits' mean. At high degrees it drowned in their variance, which
left "raises bias²" inconclusive; it was then measured by its share of the error without penalty, here of each error.
"""

import bias_variance_trials as trials
import numpy as np

from dlnotes import lab


def of(r, measure, degree, inputs="new"):
    """A measure of the fits of one degree."""
    return r.degrees[measure].sel(degree=degree, inputs=inputs, drop=True)


def log10_ratio(r, measure, over, under):
    """log₁₀ of a measure at one degree over that at another, new inputs in each data set."""
    return np.log10(of(r, measure, over) / of(r, measure, under))


def against_n(r, measure, degree):
    """A measure of "more data" against the number of examples."""
    found = r.more_data[measure].sel(degree=degree, drop=True)
    return found.assign_coords(n=list(trials.sizes(r.more_data.attrs["smallest"], r.more_data.attrs["count"])))


def slope(array):
    """d log/d log n, by least squares over n ≥ 100."""
    logs = np.log(array.sel(n=slice(100, None)))
    return logs.assign_coords(n=np.log(logs.n)).polyfit("n", 1, skipna=False).polyfit_coefficients.isel(degree=0)


def beyond_reach(degree: int) -> float:
    """Mean squared distance of the truth from the nearest polynomial of this degree, evenly between −1 and 1."""
    x, weight = np.polynomial.legendre.leggauss(60)
    columns = np.polynomial.legendre.legvander(x, degree)
    share = (2 * np.arange(degree + 1) + 1) / 2 * (columns * (weight * np.sin(4 * x + 1))[:, None]).sum(0)
    return float((weight * (np.sin(4 * x + 1) - columns @ share) ** 2).sum() / 2)


def regime(r, degree, measure="error", penalty=False):
    """A measure of the fits of one degree to the planted truth: without penalty, or with the one of least error."""
    found = r.regimes.sel(degree=degree, drop=True)
    best = int(np.log(found.error).mean("seed").argmin("strength")) if penalty else 0
    return found[measure].isel(strength=best, drop=True)


def bias_share(r, degree):
    """Bias² over the error, without penalty."""
    return regime(r, degree, "bias_squared") / regime(r, degree)


def penalty_effect(r, degree, measure="error"):
    """log₁₀ of a measure with the penalty over that without."""
    return np.log10(regime(r, degree, measure, penalty=True) / regime(r, degree, measure))


def moved(r):
    """How much of the way, in log error, from too high a degree to the planted one the penalty goes."""
    return penalty_effect(r, 10) / np.log10(regime(r, 4) / regime(r, 10))


CS182, DLBOOK, LECTURES = "cs182 2.2", "dlbook 1.4.2", "lectures Regularization"
TWICE = float(np.log10(2))

# Tolerances. Identity: what float32 could still show; float64 leaves far less. Law of variance: chance of 16 × 512 sets
# is 0.2 %. Slopes, levels: 128 data sets a seed leave 2 % at each size, and terms in 1/n a few percent at n = 100.
# Shares: one in a hundred is nothing. "Over twice": beyond any chance.
PREDICTIONS = (
    lab.Equivalent(
        "identity", "mean squared error is bias² + variance at every degree (largest relative difference)",
        lambda r: r.degrees.identity.max(("degree", "inputs")), source=f"{CS182}; {DLBOOK}", within=1e-5,
    ),
    lab.Less(
        "bias_falls", "bias² falls with capacity: at degree 6 to less than a tenth of that at degree 1 (ratio − 0.1)",
        lambda r: of(r, "bias_squared", 6) / of(r, "bias_squared", 1) - 0.1, source=f"{CS182}; {DLBOOK}",
    ),
    lab.Greater(
        "variance_rises", "variance rises with capacity: at degree 9 to more than ten times that at degree 1 (log₁₀)",
        lambda r: log10_ratio(r, "variance", 9, 1), source=f"{CS182}; {DLBOOK}", margin=1,
    ),
    lab.Greater(
        "variance_rises_always", "every degree more raises it (log₁₀ of the smallest ratio)",
        lambda r: np.log10(r.degrees.variance.sel(inputs="new", drop=True)).diff("degree").min("degree"), source=CS182,
    ),
    lab.Equivalent(
        "variance_law", "same inputs: variance there is σ²(degree + 1)/n, whatever the truth (measured over law)",
        lambda r: r.degrees.variance_over_law.sel(inputs="same", drop=True).mean("degree"),
        source="theory: the trace of a projection", target=1, within=0.02,
    ),
    lab.Greater(
        "underfits", "their sum is U-shaped: degree 0 errs over twice as much as degree 5 (log₁₀)",
        lambda r: log10_ratio(r, "error", 0, 5), source=f"{CS182}; {DLBOOK}", margin=TWICE,
    ),
    lab.Greater(
        "overfits", "and degree 9 errs over twice as much as degree 5 (log₁₀)",
        lambda r: log10_ratio(r, "error", 9, 5), source=f"{CS182}; {DLBOOK}", margin=TWICE,
    ),
    lab.Equivalent(
        "variance_and_data", "the variance of a cubic falls like 1/n (exponent, n ≥ 100)",
        lambda r: slope(against_n(r, "variance", 3)), source="theory: central limit", target=-1, within=0.05,
    ),
    lab.Equivalent(
        "bias_survives", "its bias² does not go away: at 10,000 examples it is the best cubic's error (ratio)",
        lambda r: against_n(r, "bias_squared", 3).isel(n=-1, drop=True) / beyond_reach(3),
        source=CS182, target=1, within=0.03,
    ),
    lab.Equivalent(
        "all_error_goes", "the error of degree 8, which nearly holds the truth, falls like 1/n (exponent, n ≥ 100)",
        lambda r: slope(against_n(r, "error", 8)), source="theory: no bias", target=-1, within=0.1,
    ),
    lab.Greater(
        "excludes", "a class without the truth: over half of the error is bias² (share − ½)",
        lambda r: bias_share(r, 2) - 0.5, source=LECTURES,
    ),
    lab.Equivalent(
        "matches", "a class that matches it has no bias (bias² over error)",
        lambda r: bias_share(r, 4), source=LECTURES, within=0.01,
    ),
    lab.Less(
        "exceeds", "a class with too much: less than half of the error is bias² (share − ½)",
        lambda r: bias_share(r, 10) - 0.5, source=LECTURES,
    ),
    lab.Less(
        "penalty_lowers_variance", "there the penalty halves the variance or more (log₁₀)",
        lambda r: penalty_effect(r, 10, "variance"), source=f"cs182 2.3; {LECTURES}", margin=TWICE,
    ),
    lab.Greater(
        "penalty_raises_bias", "and raises bias² (its share of the error, with the penalty less without)",
        lambda r: regime(r, 10, "bias_squared", True) / regime(r, 10, "error", True) - bias_share(r, 10),
        source=f"cs182 2.3; {LECTURES}", margin=0.01,
    ),
    lab.Greater(
        "penalty_moves", "it goes over half of the way to the class that matches (share of the log error − ½)",
        lambda r: moved(r) - 0.5, source=LECTURES,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(6)
    draw_fits(r, axes[:2])
    new = r.degrees.sel(inputs="new", drop=True)
    parts = new[["bias_squared", "variance", "error"]].to_dataarray("part").clip(min=1e-6)
    lab.figures.seeds(axes[2], parts, x="degree", hue="part", labels=("bias²", "variance", "sum: error"), log="y")
    axes[2].set(title="Bias² falls with the degree, variance rises on the whole: a U", ylabel="error, mean square")
    more = against_n(r, ["bias_squared", "variance", "error"], 3).to_dataarray("part")
    lab.figures.seeds(axes[3], more, x="n", hue="part", labels=("bias²", "variance", "sum: error"), log="xy")
    axes[3].axhline(beyond_reach(3), color="black", linestyle=":", linewidth=1)
    axes[3].set(title="A cubic: data remove variance, not bias (dotted: the best cubic)", xlabel="examples n")
    names = {2: "2: excludes the truth", 4: "4: matches it", 10: "10: too much"}
    strengths = r.regimes.error.assign_coords(strength=[f"{s:g}" for s in trials.STRENGTHS])
    lab.figures.seeds(axes[4], strengths, x="strength", hue="degree", labels=names, log="y")
    axes[4].set(title="A penalty moves too high a degree towards the right one", xlabel="strength of the L2 penalty")
    high = r.regimes[["bias_squared", "variance", "error"]].sel(degree=10, drop=True).to_dataarray("part")
    high = high.clip(min=1e-6).assign_coords(strength=strengths.strength)
    lab.figures.seeds(axes[5], high, x="strength", hue="part", labels=("bias²", "variance", "sum: error"), log="y")
    axes[5].set(title="Degree 10: it buys variance with bias", xlabel="strength of the L2 penalty")
    for ax in axes[3:]:
        ax.set_ylabel("error, mean square")
    return figure


def draw_fits(r, axes):
    """Some fits of the first seed: alike and wrong, or all different."""
    x = np.asarray(trials.POINTS)
    says = {1: "alike, and alike wrong", 9: "each different, wild at the ends"}
    for ax, degree in zip(axes, says, strict=True):
        fits = r.degrees.fits.sel(degree=degree, inputs="new", drop=True).isel(seed=0).values
        ax.plot(x, fits.T, color=lab.figures.PALETTE[0], linewidth=0.7, alpha=0.7)
        ax.plot(x, fits.mean(0), color=lab.figures.PALETTE[1], linewidth=2, label="their mean")
        ax.plot(x, np.sin(4 * x + 1), color="black", linewidth=1.5, label="truth")
        ax.set(
            title=f"Degree {degree}, {len(fits)} data sets: {says[degree]}", xlabel="x", ylabel="y", ylim=(-2.5, 2.5)
        )
        lab.figures.legend_below(ax)


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "degrees": lab.Study(
            trials.degrees,
            {"degree": tuple(range(10)), "inputs": {"new": 0.0, "same": 1.0}, "noise": 0.5, "n": 30, "sets": 512,
             "highest": 9, "shown": 12},
            dims={"fits": ("shown", "point")},
        ),
        "more_data": lab.Study(
            trials.more_data,
            {"degree": (3, 8), "noise": 0.5, "smallest": 10, "count": 7, "sets": 128, "highest": 8},
            dims=dict.fromkeys(("bias_squared", "variance", "error", "identity"), ("n",)),
        ),
        "regimes": lab.Study(
            trials.regimes,
            {"degree": (2, 4, 10), "noise": 0.5, "planted": 4, "n": 30, "sets": 512, "highest": 10},
            dims=dict.fromkeys(("bias_squared", "variance", "error", "identity"), ("strength",)),
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "degrees.sets": 32, "more_data.sets": 32, "more_data.smallest": 100, "more_data.count": 3,
            "regimes.sets": 32,
        },
        "full": {"seeds": 64, "degrees.sets": 8192, "more_data.sets": 1024, "more_data.count": 9, "regimes.sets": 8192},
    },
    x64=True,
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
