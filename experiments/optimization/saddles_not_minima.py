"""Are critical points of high-dimensional landscapes saddles rather than minima, and how long does a saddle hold?

Sources: cs182 3.1 (most critical points are saddles, and descent gets stuck at them); ee147 Optimizing Gradient Descent
(minima get exponentially rarer with the dimension, as each axis has to curve up); Bray & Dean 2007 (arXiv
cond-mat/0611023) and Dauphin et al. 2014 (arXiv 1406.2572) on random landscapes; Bardeen et al. 1986.

A landscape is a random smooth function on Rⁿ, a Gaussian field that varies over a length of 1. In a ball of radius 1
Newton's method is started from 16 random points (64 from four dimensions on); points where the gradient is 0 that lie
in the ball are counted once each. What it finds outside is not counted: points that draw many starts would be counted
too often. Where all starts end, as a search would count, is reported beside it. Theory (Kac and Rice's formula) says
how many points there are, so that missed ones show: before the first run the number of starts was raised until less
than about a tenth was missed in six dimensions. A point's index is its number of ways down: 0 for a minimum, n for a
maximum, else a saddle.

The saddles to escape from are ½Σλᵢxᵢ² in ten dimensions with one way down, λ = −γ, and λ = 1 across. A method has
escaped when it is at distance 1 along it. All begin 0.001 beside the saddle, noisy descent (0.01 in each coordinate of
the gradient) on it. Rates: 0.1 for descent, momentum β = 0.9; 0.01 for RMSProp and Adam.

In the first standard run, of 64 balls in every dimension, the four predictions on shares of minima to a tolerance were
inconclusive, as too few points had been counted; now it is six times as many in up to three dimensions, twice as many
in four and six. No prediction was changed then; later the law of descent's steps was judged on both sides, before only
where it was exceeded.
"""

import math

import numpy as np
import saddle_trials as trials
import xarray as xr

from dlnotes import lab

RATE = 0.1


def census(r, n):
    """The census of n dimensions."""
    return (r.low if n <= 3 else r.high).sel(dimension=n, drop=True)


def dimensions(r):
    return [*r.low.dimension.values, *r.high.dimension.values]


def share(r, n, kind="minima", what="count"):
    """Share of one kind among the critical points in n dimensions."""
    found = census(r, n)[what].rename({f"{what}_0": "index"})
    ways = {"minima": slice(0, 0), "saddles": slice(1, int(n) - 1)}[kind]
    return found.sel(index=ways).sum("index") / found.sum("index")


def theory(r, what):
    """A theoretical share or density in each dimension, its mean over seeds."""
    return r.law[what].rename({f"{what}_0": "dimension"}).assign_coords(dimension=list(trials.LAW)).mean("seed")


def completeness(r):
    """Points found over those that theory expects, mean over the dimensions."""
    ratios = []
    for study in (r.low, r.high):
        n = study.dimension.values
        volume = [math.pi ** (k / 2) / math.gamma(k / 2 + 1) * study.attrs["radius"] ** k for k in n]
        expected = theory(r, "density").sel(dimension=n) * volume * study.attrs["balls"]
        ratios.append(study["count"].sum("count_0") / expected)
    return xr.concat(ratios, "dimension").mean("dimension")


def halving(r):
    """Least-squares slope of log₂ of the minima's share over the dimension, by theory."""
    minima = np.log2(r.law.minima.rename(minima_0="dimension").assign_coords(dimension=list(trials.LAW)))
    return lab.slope(minima, minima.dimension)


def steps(r, name, rotated="rotated"):
    named = r.escape.steps.rename(steps_0="solver").assign_coords(solver=list(trials.METHODS))
    return named.sel(solver=name, rotated=rotated, drop=True)


def growing(r):
    """Steps that a distance growing by 1 + εγ at each takes to come from x₀ to 1."""
    return -np.log(r.escape.began.sel(rotated="rotated", drop=True)) / np.log1p(RATE * r.escape.curvature)


def exponent(r, name, rotated="rotated"):
    """p in steps ∝ γᵖ, by least squares on logarithms."""
    return lab.exponent(steps(r, name, rotated), r.escape.curvature)


def late(r, name, than, **where):
    """log₁₀ of how many times more steps one method takes than another, at the smallest curvature."""
    return np.log10(steps(r, name, **where) / steps(r, than, **where)).isel(curvature=0, drop=True)


CS182, EE147 = "cs182 3.1", "ee147 Optimizing Gradient Descent"
KAC_RICE = "Kac–Rice formula (Fyodorov 2004)"
TWICE = float(np.log10(2))

# Tolerances. Shares: 0.02, half of what a share of ¼ of one seed's points varies by; 0.01 in six dimensions, where
# minima are 0.013. Completeness: a tenth, as was aimed at. log₂ slope: 2⁻ⁿ against e⁻ⁿ
# (−1.44) is told apart. Steps of descent: it stops within a step of the law. Exponents: momentum's lies between the
# laws of small (−1) and large curvature (−½); noise makes a logarithm of γ, a fifth in the exponent over this range.
PREDICTIONS = (
    lab.Equivalent(
        "census_is_complete", "the census finds as many critical points as theory says there are (ratio)",
        completeness, source=KAC_RICE, target=1, within=0.1,
    ),
    lab.Equivalent(
        "quarter_in_two", "in two dimensions a quarter of the critical points are minima (share)",
        lambda r: share(r, 2), source="Morse theory and symmetry", target=0.25, within=0.02,
    ),
    lab.Equivalent(
        "eighth_in_three", "in three (29 − 6√6)/116 = 0.123 of them are (share)",
        lambda r: share(r, 3), source="Bardeen et al. 1986", target=(29 - 6 * 6**0.5) / 116, within=0.02,
    ),
    lab.Equivalent(
        "six_by_theory", "in six the minima's share is what theory says (difference)",
        lambda r: share(r, 6) - float(theory(r, "minima").sel(dimension=6)), source=KAC_RICE, within=0.01,
    ),
    lab.Greater(
        "most_are_saddles", "in six dimensions over nine in ten critical points are saddles (share beyond ½)",
        lambda r: share(r, 6, "saddles") - 0.5, source=CS182, margin=0.4,
    ),
    lab.Less(
        "few_are_minima", "in six dimensions minima are rarer than a third of their share in three (share − ⅓ share)",
        lambda r: share(r, 6) - share(r, 3) / 3, source=EE147,
    ),
    lab.Equivalent(
        "halves_with_each_axis",
        "by Kac and Rice the minima's share halves with each axis, 1 to 10 dimensions (slope of log₂)",
        halving, source=EE147, target=-1, within=0.15,
    ),
    lab.Greater(
        "more_than_of_random_matrices",
        "in four dimensions minima are more frequent than random matrices that curve up everywhere, by 0.03 (share)",
        lambda r: share(r, 4) - float(theory(r, "matrix").sel(dimension=4)), source="Bray & Dean 2007", margin=0.03,
    ),
    lab.Greater(
        "high_means_many_ways_down", "in six dimensions higher critical points have more ways down (correlation)",
        lambda r: census(r, 6).correlation, source="Bray & Dean 2007; Dauphin et al. 2014", margin=0.5,
    ),
    lab.Equivalent(
        "search_is_fair", "in three dimensions searches end at minima as often as a census finds them (share − share)",
        lambda r: share(r, 3, what="searched") - share(r, 3), source="ours", within=0.03,
    ),
    lab.Equivalent(
        "descent_by_law", "descent takes log(1/x₀)/log(1 + εγ) steps off a saddle, rounded up (farthest excess)",
        lambda r: lab.farthest(steps(r, "descent") - growing(r), 0.5, "curvature"),
        source="dlbook 1.3.1", target=0.5, within=1,
    ),
    lab.Equivalent(
        "descent_is_held", "descent's steps grow like 1/γ (exponent)",
        lambda r: exponent(r, "descent"), source=CS182, target=-1, within=0.05,
    ),
    lab.Equivalent(
        "momentum_in_a_tenth", "at γ = 0.01 momentum 0.9 takes a tenth of descent's steps (log₁₀ of the ratio)",
        lambda r: late(r, "descent", "momentum"), source="cs182 3.3.1", target=1, within=0.1,
    ),
    lab.Equivalent(
        "noise_still_needs_curvature", "from the saddle itself noise takes steps that grow like 1/γ too (exponent)",
        lambda r: exponent(r, "noisy descent"), source=EE147, target=-1, within=0.2,
    ),
    lab.Equivalent(
        "rmsprop_blind_to_curvature", "the way down along a coordinate: RMSProp takes as long for every γ (exponent)",
        lambda r: exponent(r, "RMSProp", "aligned"), source="cs182 3.3.2", within=0.05,
    ),
    lab.Greater(
        "rmsprop_needs_axes",
        "at γ = 0.01 RMSProp takes over twice the steps where the way down is not along a coordinate (log₁₀)",
        lambda r: np.log10(steps(r, "RMSProp") / steps(r, "RMSProp", "aligned")).isel(curvature=0, drop=True),
        source="ours", margin=TWICE,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(4)
    n = dimensions(r)
    shares = xr.concat([share(r, k) for k in n], "dimension").assign_coords(dimension=n)
    saddles = xr.concat([share(r, k, "saddles") for k in n], "dimension").assign_coords(dimension=n)
    both = xr.concat([shares, saddles], "kind").assign_coords(kind=["minima", "saddles"])
    lab.figures.dots(axes[0], both, x="dimension", hue="kind")
    for what in ("minima", "saddles"):
        axes[0].plot(range(len(n)), theory(r, what).sel(dimension=n), "x--", color="black", linewidth=0.8, zorder=5)
    title = "Minima give way to saddles (crosses: theory; the rest are maxima, as many as minima)"
    axes[0].set(title=title, xlabel="dimensions", ylabel="share of the critical points")
    at = list(trials.LAW)
    axes[1].plot(at, theory(r, "minima"), ".-", color="black", label="minima, by theory")
    axes[1].plot(at, 0.5 ** np.array(at), ":", color="black", label="2⁻ⁿ: a coin for each axis")
    matrix = theory(r, "matrix")
    axes[1].plot(at, matrix.where(matrix > 0), "--", color=lab.figures.PALETTE[1], label="random matrices alone")
    axes[1].plot(n, shares.mean("seed"), "o", color=lab.figures.PALETTE[0], label="minima found, all seeds")
    axes[1].set(title="Minima: half as many with each dimension", yscale="log", xlabel="dimensions", ylabel="share")
    axes[1].legend(fontsize=8, frameon=False)
    last = census(r, n[-1])
    found = last["count"].rename(count_0="index")
    mean = last.height.rename(height_0="index") / found.where(found > 0)
    lab.figures.dots(axes[2], mean.sel(index=slice(0, n[-1])), x="index")
    title = f"High critical points have many ways down ({n[-1]:g} dimensions; not finite: none found)"
    axes[2].set(title=title, xlabel="index: ways down", ylabel="mean height f of a seed's points")
    named = r.escape.steps.rename(steps_0="solver").assign_coords(solver=list(trials.METHODS)).sel(rotated="rotated")
    lab.figures.dots(axes[3], named, x="curvature", hue="solver", log="xy")
    gamma = r.escape.curvature
    axes[3].plot(gamma, 100 * gamma**-1.0 * 0.7, ":", color="black", linewidth=0.8)
    title = "Steps off a saddle whose way down is no coordinate (dotted: like 1/γ)"
    axes[3].set(title=title, xlabel="curvature γ of the way down", ylabel="steps")
    return figure


CENSUS = {"radius": 1.0, "features": 256, "steps": 8}

EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "low": lab.Study(
            trials.census, CENSUS | {"dimension": (1.0, 2.0, 3.0), "largest": 3, "balls": 384, "starts": 16},
        ),
        "high": lab.Study(
            trials.census, CENSUS | {"dimension": (4.0, 6.0), "largest": 6, "balls": 128, "starts": 64},
        ),
        "law": lab.Study(trials.law, {"draws": 2000}),
        "escape": lab.Study(
            trials.escape, {
                "curvature": (0.01, 0.03, 0.1, 0.3, 1.0), "rotated": {"aligned": 0.0, "rotated": 1.0}, "n": 10,
                "offset": 1e-3, "noise": 0.01, "cap": 30_000,
            },
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "balls": 8, "starts": 16, "features": 64, "law.draws": 100, "escape.curvature": (0.1, 1.0),
            "escape.cap": 1000,
        },
        "full": {
            "seeds": 64, "balls": 4096, "features": 2048, "high.dimension": (4.0, 6.0, 8.0), "high.largest": 8,
            "high.starts": 512, "law.draws": 20_000,
        },
    },
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
