"""What do the L2 and the L1 penalty do to weights: shrink them by direction, set them to 0?

Sources: dlbook 2.2.1 (7.6)–(7.13); ee147 Regularization; lectures Parameter Norm Penalties; cs182 2.3 and 2.3.1.

The penalties are ½α‖θ‖² (L2: ridge) and λ‖θ‖₁ (L1: lasso), added to ½‖y − Xθ‖²; all in float64.

"Directions": 40 examples of 8 features whose XᵀX has the eigenvalues λᵢ from 0.01 to 100, noise N(0, 1), 1024 data sets
a seed that differ in their noise alone. As many more data sets have each a truth θ of its own, drawn from the prior
N(0, I): there the strength that is best on average is known, α = σ²/τ² = 1.

"Near a minimum": a network of 4 tanh units on one input, its loss half the mean square and a little L2 penalty (0.003)
as part of the loss J itself, since without it networks have valleys in place of a minimum. From its minimum w* more
penalty α is added and the new minimum compared with what the quadratic through w* says, (H + αI)⁻¹Hw*; the error is
relative to the way that the minimum moves.

"Sparsity": 100 examples of 50 normal features, noise N(0, 1), 32 data sets a seed. Five features matter (weights
±1), or all 50 do (each ±√0.1, the same length of θ). The L1 strengths are 0.1 to 2 times σ√(2n·log p), above which pure
noise is set to 0. Lasso is fitted by proximal steps; "subgradient" follows −∇ with sign(θ) for |θ|'s slope, 2000 steps
from 0 that become smaller. Each penalty has its best strength of a few where errors ‖θ̂ − θ‖² are compared.
"""

import numpy as np
import penalty_trials as trials

from dlnotes import lab


def by_strength(array):
    """The strengths of "directions" as labels."""
    return array.assign_coords(strength=list(trials.STRENGTHS))


def total(r, measure, strength):
    """A measure of "directions", summed over them, with one strength."""
    return by_strength(r.directions[measure]).sel(strength=strength, drop=True).sum("direction", skipna=False)


def ratio(r, measure, over=1.0, under=0.0):
    """log₁₀ of it under one strength over that under another."""
    return np.log10(total(r, measure, over) / total(r, measure, under))


def best_for_many(r):
    """log₁₀ of the error at α = σ²/τ² over the least at the other strengths."""
    error = by_strength(r.directions.error_of_many)
    return np.log10(error.sel(strength=1.0, drop=True) / error.drop_sel(strength=1.0).min("strength"))


def variance_over_law(r):
    """Measured variance over σ²λᵢ/(λᵢ + α)², mean over directions and strengths."""
    law = np.asarray(trials.STRENGTHS)[:, None] + trials.eigenvalues(r.directions.sizes["direction"])[None]
    law = trials.eigenvalues(r.directions.sizes["direction"])[None] / law**2
    return (r.directions.variance / law).mean(("strength", "direction"), skipna=False)


def near(r, strength):
    return r.near_minimum.law_error.assign_coords(strength=list(trials.NET_STRENGTHS)).sel(strength=strength, drop=True)


def of_lasso(r, measure, factor, relevant="five matter"):
    found = r.sparsity[measure].assign_coords(factor=list(trials.FACTORS))
    return found.sel(factor=factor, relevant=relevant, drop=True)


def lasso_over_ridge(r, relevant):
    """log₁₀ of the lasso's error over ridge's, each at its best strength."""
    s = r.sparsity.sel(relevant=relevant, drop=True)
    return np.log10(s.lasso_error.min("factor") / s.ridge_error.min("ridge"))


DLBOOK, EE147, LECTURES = "dlbook 2.2.1 (7.13)", "ee147 Regularization", "lectures Parameter Norm Penalties"
TWICE = float(np.log10(2))

# Tolerances. Shares: float64 at a condition of 10⁴. Variance: chance, 4 % in each of 64 numbers that share their noise
# over strengths. Shares of features: one in a hundred. Near a minimum, "close" is a tenth of the way, "far off" half.
PREDICTIONS = (
    lab.Equivalent(
        "kept_share", "L2 keeps λᵢ/(λᵢ + α) of each eigenvector's share of θ (largest difference)",
        lambda r: r.directions.law_error, source=f"{DLBOOK}; {EE147}", within=1e-8,
    ),
    lab.Equivalent(
        "variance_law", "the variance along it becomes σ²λᵢ/(λᵢ + α)² (measured over law)",
        variance_over_law, source="theory: Hoerl & Kennard 1970", target=1, within=0.02,
    ),
    lab.Less(
        "lowers_variance", "α = 1 lowers the variance to less than half (log₁₀)",
        lambda r: ratio(r, "variance"), source="cs182 2.3", margin=TWICE,
    ),
    lab.Greater(
        "raises_bias", "more penalty, more bias: α = 10 has over twice the bias² of α = 0.1 (log₁₀)",
        lambda r: ratio(r, "bias_squared", 10.0, 0.1), source="cs182 2.3", margin=TWICE,
    ),
    lab.Less(
        "prior_sets_the_strength", "over truths from N(0, τ²), α = σ²/τ² errs less than any other strength (log₁₀)",
        best_for_many, source="cs182 2.3.1; ee147 Regularization",
    ),
    lab.Less(
        "close_near_a_minimum", "a network's minimum moves as its quadratic says, α = 3·10⁻⁵ (relative error − 0.1)",
        lambda r: near(r, 3e-5) - 0.1, source=DLBOOK,
    ),
    lab.Greater(
        "not_far_from_it", "far from the old minimum the quadratic is far off, α = 0.3 (relative error − 0.5)",
        lambda r: near(r, 0.3) - 0.5, source="theory: (7.6) holds near w* only",
    ),
    lab.Greater(
        "l1_removes", "L1 sets over 90 % of the 45 idle weights to exactly 0 (share − 0.9)",
        lambda r: of_lasso(r, "removed", 1.0) - 0.9, source=f"{EE147}; {LECTURES}",
    ),
    lab.Equivalent(
        "l1_selects", "and keeps the five that matter (share)",
        lambda r: of_lasso(r, "kept", 1.0), source=EE147, target=1, within=0.01,
    ),
    lab.Equivalent(
        "l2_has_no_zeros", "L2 sets no weight to 0 (share of zeros)",
        lambda r: r.sparsity.ridge_zeros.sel(relevant="five matter", drop=True), source=EE147, within=1e-6,
    ),
    lab.Equivalent(
        "subgradient_has_no_zeros", "nor do 2000 subgradient steps under L1 (share of zeros)",
        lambda r: r.sparsity.subgradient_zeros.sel(relevant="five matter", drop=True),
        source="theory: steps jump over 0", within=1e-6,
    ),
    lab.Greater(
        "subgradient_comes_close", "these bring over 90 % of the idle weights below 0.01 (share − 0.9)",
        lambda r: r.sparsity.subgradient_small.sel(relevant="five matter", drop=True) - 0.9, source=LECTURES,
    ),
    lab.Less(
        "l1_wins_if_sparse", "five features matter: L1 errs less than half as much as L2 (log₁₀)",
        lambda r: lasso_over_ridge(r, "five matter"), source="ee147: feature selection", margin=TWICE,
    ),
    lab.Greater(
        "l2_wins_if_dense", "all matter alike: L1 errs more than L2 (log₁₀)",
        lambda r: lasso_over_ridge(r, "all matter"), source="theory: their priors are Laplace's and Gauss's",
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(6)
    d = r.directions.assign_coords(direction=[f"{v:.2g}" for v in trials.eigenvalues(r.directions.sizes["direction"])])
    kept = by_strength(d.kept).sel(strength=[0.1, 1.0, 10.0])
    lab.figures.seeds(axes[0], kept, x="direction", hue="strength")
    axes[0].set(title="L2 keeps λ/(λ + α) of each direction", xlabel="eigenvalue λ of the direction", ylabel="share")
    parts = by_strength(d[["bias_squared", "variance"]].sum("direction").to_dataarray("part"))
    parts = parts.assign_coords(strength=[f"{v:g}" for v in trials.STRENGTHS]).clip(min=1e-5)
    lab.figures.seeds(axes[1], parts, x="strength", hue="part", labels=("bias²", "variance"), log="y")
    axes[1].set(title="More penalty: less variance, more bias", xlabel="strength α of L2", ylabel="‖error of θ‖²")
    net = r.near_minimum[["law_error", "moved"]].to_dataarray("measure")
    net = net.assign_coords(strength=list(trials.NET_STRENGTHS))
    labels = ("error of the law, of the way moved", "way moved, of ‖w*‖")
    lab.figures.seeds(axes[2], net, x="strength", hue="measure", labels=labels, log="xy")
    axes[2].set(
        title="A network: does the law hold where the minimum moves far?", xlabel="added strength α", ylabel="share"
    )
    draw_sparsity(r.sparsity, axes[3:])
    return figure


def draw_sparsity(s, axes):
    """Weights of the first data set; which features are kept; errors."""
    first = s.weights.sel(relevant="five matter", drop=True).isel(seed=0)
    at = np.arange(first.sizes["feature"])
    names = ("L1, proximal", "L2", "L1, subgradient")
    for place, (name, mark) in enumerate(zip(names, "o.x", strict=True)):
        weights = np.abs(first.isel(method=place).values).clip(1e-6)
        axes[0].plot(at, weights, mark, color=lab.figures.PALETTE[place], markersize=4, label=name)
    axes[0].set(
        title="Only proximal steps reach 0 (drawn at the bottom)", xlabel="feature; the first five matter",
        ylabel="|weight|", yscale="log",
    )  # fmt: skip
    lab.figures.legend_below(axes[0])
    found = s[["kept", "removed", "exact"]].sel(relevant="five matter", drop=True).to_dataarray("share")
    found = found.assign_coords(factor=list(trials.FACTORS))
    labels = ("of the five: kept", "of the others: removed", "of the data sets: all right")
    lab.figures.seeds(axes[1], found, x="factor", hue="share", labels=labels, log="x")
    axes[1].set(title="L1 finds which features matter", xlabel="strength, in units of σ√(2n·log p)", ylabel="share")
    best = (
        s.lasso_error.min("factor").expand_dims(penalty=["L1"]),
        s.ridge_error.min("ridge").expand_dims(penalty=["L2"]),
    )
    both = np.concatenate([np.asarray(part.transpose("penalty", "relevant", "seed")) for part in best])
    errors = s.lasso_error.min("factor").expand_dims(penalty=["L1", "L2"]).transpose("penalty", "relevant", "seed")
    lab.figures.dots(axes[2], errors.copy(data=both), x="relevant", hue="penalty", log="y")
    axes[2].set(title="L1 is better where few matter, L2 where all do", xlabel="", ylabel="‖θ̂ − θ‖², best strength")


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "directions": lab.Study(
            trials.directions, {"noise": 1.0, "n": 40, "features": 8, "sets": 1024},
            dims=dict.fromkeys(("kept", "bias_squared", "variance"), ("strength", "direction"))
            | dict.fromkeys(("error", "error_of_many"), ("strength",)),
        ),
        "near_minimum": lab.Study(
            trials.near_minimum, {"base": 0.003, "hidden": 4, "n": 50, "steps": 2000},
            dims=dict.fromkeys(("law_error", "moved"), ("strength",)),
        ),
        "sparsity": lab.Study(
            trials.sparsity,
            {"relevant": {"five matter": 5.0, "all matter": 50.0}, "noise": 1.0, "n": 100, "features": 50, "sets": 32,
             "steps": 2000},
            dims=dict.fromkeys(("kept", "removed", "exact", "lasso_error"), ("factor",))
            | {"ridge_error": ("ridge",), "weights": ("method", "feature")},
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "directions.sets": 64, "near_minimum.steps": 200, "sparsity.sets": 4, "sparsity.steps": 300,
        },
        "full": {"seeds": 64, "directions.sets": 16384, "sparsity.sets": 512, "sparsity.steps": 20_000},
    },
    x64=True,
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
