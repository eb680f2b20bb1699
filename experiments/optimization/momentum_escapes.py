"""Does momentum pass the local minima and plateaus at which descent stops, and more than a larger rate would?

Sources: ee147 Optimizing Gradient Descent (momentum moves on where the gradient is zero, and may end in a better
minimum); cs182 3.3.1; lectures Momentum. All in float64.

Three landscapes. "Wells": two parabolas of curvature 1, the second 1 lower, that meet at a ridge; from rest in the
first, at a height drawn anew for each of 256 starts, plain steps are linear up to the ridge, so the roots of
r² − (1 + α − ε)r + α = 0 say exactly who comes over it. The ridge is at a distance d from the minimum, ½d² high.
"Plateau": a slope of 1, then a stretch of slope 0 or 0.1, with lengths in units of ε. "Ripples": a bowl ½x² and waves
½h(1 − cos 2πx) in 40 coordinates, a sum like Rastrigin's; as no method here looks at single coordinates, turning them
would change nothing. There every run ends with 400 steps of small, plain descent, so that what is compared is the
minimum that was found; runs that end higher than they began count as not having moved. 0.001 is added to losses before
logarithms.

"The same effective rate" is the fair control: ε/(1 − α), with which descent goes as far as momentum does in the long
run where gradients agree.
"""

import escape_trials as trials
import numpy as np
import xarray as xr

from dlnotes import lab
from dlnotes.maths import quadratics


def overshoot(stiffness: float, momentum: float, steps: int = 400) -> float:
    """How far the first swings go beyond the minimum, from rest at distance 1: from the roots, for every step."""
    first, second = np.asarray(quadratics.momentum_roots(stiffness, momentum))
    share = (1 - stiffness - second) / (first - second or 1)
    k = np.arange(steps)
    return float(-(share * first**k + (1 - share) * second**k).real.min())


def law(of: xr.Dataset) -> xr.DataArray:
    """Who comes over the ridge: overshoot times the distance at the start is more than the ridge's."""
    swings = [[overshoot(float(s), float(m)) for m in of.momentum] for s in of.stiffness]
    swings = xr.DataArray(swings, dims=("stiffness", "momentum"), coords=[of.stiffness, of.momentum])
    return -of.begin * swings > of.barrier


def over(r, measure, momentum, stiffness, barrier=0.3):
    """Share of the starts for which it came true."""
    found = r.well[measure].sel(momentum=momentum, stiffness=stiffness, barrier=barrier, drop=True)
    return found.astype(float).mean("start")


def flat(r, measure, momentum, averaged="same rate", **where):
    """A measure on one plateau."""
    return r.plateau[measure].astype(float).sel(momentum=momentum, averaged=averaged, drop=True).sel(where, drop=True)


REST = {"entry": "at rest", "floor": 0.1, "width": 1000.0}
ROLLING = {"entry": "rolling", "floor": 0.0}


def reach(r):
    """Way over pushes/(1 − α) where the plateau ends the run, less 1: the largest difference for α up to 0.9."""
    way, pushes = (
        r.plateau[name].sel(ROLLING, drop=True).sel(width=1000.0, averaged="same rate", drop=True)
        for name in ("way", "pushes")
    )
    return abs(way * (1 - way.momentum) / pushes - 1).sel(momentum=slice(0, 0.9)).max("momentum")


def lowered(r, momentum, rate, other, depth=1.0, base=0.0):
    """log₁₀ of the loss at (momentum, rate) over that at (base, other), with 0.001 added."""
    loss = np.log10(r.ripples.loss.sel(depth=depth, drop=True) + 1e-3)
    return loss.sel(momentum=momentum, log10_rate=rate, drop=True) - loss.sel(
        momentum=base, log10_rate=other, drop=True
    )


def at_best(r, measure, momentum) -> xr.DataArray:
    """A measure at the rate of the lowest loss for each depth, on average over seeds."""
    study = r.ripples.sel(momentum=momentum, drop=True)
    return lab.at_best(study[measure], study.loss, "log10_rate")


def best(r, depth=1.0, momentum=0.9):
    """log₁₀ of the loss with momentum over that without, each at its best rate, with 0.001 added."""
    found = [np.log10(at_best(r, "loss", which).sel(depth=depth, drop=True) + 1e-3) for which in (momentum, 0.0)]
    return found[0] - found[1]


EE147, THEORY = "ee147 Optimizing Gradient Descent", "the roots of the heavy ball"

# Tolerances. Laws: rounding; of the ridge, one start in a thousand may lie on it. Steps on a plateau: momentum's own
# start takes α/(1 − α) = 9 steps of 1000, or of 10,000.
PREDICTIONS = (
    lab.Equivalent(
        "ridge", "momentum passes a ridge iff its overshoot times the start's distance is beyond it (share that fits)",
        lambda r: (r.well.passed == law(r.well)).astype(float).mean(("start", "barrier", "stiffness", "momentum")),
        source=THEORY, target=1, within=0.001,
    ),
    lab.Greater(
        "passes_more", "same rate (ελ = 0.1), ridge at 0.3: more starts pass with α = 0.9 (share, by 0.1)",
        lambda r: over(r, "passed", 0.9, 0.1) - over(r, "passed", 0.0, 0.1), source=EE147, margin=0.1,
    ),
    lab.Greater(
        "passes_more_than_a_larger_rate", "same effective rate (ελ = 0.1 and 1): still more pass (share, by 0.1)",
        lambda r: over(r, "passed", 0.9, 0.1) - over(r, "passed", 0.0, 1.0), source=EE147, margin=0.1,
    ),
    lab.Greater(
        "ends_lower", "same effective rate: more end in the lower well (share, by 0.1)",
        lambda r: over(r, "ends_lower", 0.9, 0.1) - over(r, "ends_lower", 0.0, 1.0), source=EE147, margin=0.1,
    ),
    lab.Greater(
        "passes_more_near_one", "α = 0.99 passes more than 0.9 (ridge at 0.7, ελ = 0.1; share, by 0.1)",
        lambda r: over(r, "passed", 0.99, 0.1, 0.7) - over(r, "passed", 0.9, 0.1, 0.7), source=THEORY, margin=0.1,
    ),
    lab.Equivalent(
        "not_at_small_rates", "ελ = 0.001, below (1 − √α)²: α = 0.9 passes no ridge (share, the lowest ridge)",
        lambda r: over(r, "passed", 0.9, 0.001, 0.1), source=THEORY, within=0.001,
    ),
    lab.Equivalent(
        "reach", "where the gradient is 0 it comes to rest after ε/(1 − α) for each push (largest relative difference)",
        reach, source=THEORY, within=1e-9,
    ),
    lab.Equivalent(
        "crosses", "rolling, α = 0.9 crosses a plateau without slope, 30ε wide (share)",
        lambda r: flat(r, "crossed", 0.9, width=30.0, **ROLLING), source=EE147, target=1, within=0.01,
    ),
    lab.Equivalent(
        "crosses_where_a_larger_rate_stops",
        "same effective rate, 3 times its step wide: α = 0.9 crosses, descent does not (difference of shares)",
        lambda r: flat(r, "crossed", 0.9, "same effective rate", width=3.0, **ROLLING)
        - flat(r, "crossed", 0.0, width=3.0, **ROLLING), source=EE147, target=1, within=0.01,
    ),
    lab.Equivalent(
        "faster_on_a_gentle_slope", "on a long gentle slope descent takes 1/(1 − α) times the steps (α = 0.9)",
        lambda r: flat(r, "steps", 0.0, **REST) / flat(r, "steps", 0.9, **REST), source="lectures Momentum", target=10,
        within=0.3,
    ),
    lab.Less(
        "faster_than_a_larger_rate", "same effective rate: momentum takes fewer steps there (relative difference)",
        lambda r: flat(r, "steps", 0.9, "same effective rate", **REST) / flat(r, "steps", 0.0, **REST) - 1,
        source="lectures Momentum",
    ),
    lab.Less(
        "lower_minimum", "ripples, same rate 0.1/L: α = 0.9 finds a minimum lower by 0.1 (log₁₀ of the loss)",
        lambda r: lowered(r, 0.9, -1.0, -1.0), source=EE147, margin=0.1,
    ),
    lab.Less(
        "lower_than_a_larger_rate", "same effective rate, 1/L: lower too, by 0.1 (log₁₀)",
        lambda r: lowered(r, 0.9, -1.0, 0.0), source=EE147, margin=0.1,
    ),
    lab.Less(
        "lower_than_hopping", "same effective rate, 10/L, where descent hops from well to well: by 0.1 too (log₁₀)",
        lambda r: lowered(r, 0.9, 0.0, 1.0), source=EE147, margin=0.1,
    ),
    *(
        lab.Less(
            name, f"ripples of height {depth:g}, each at its best rate: α = 0.9 finds one lower by 0.1 (log₁₀)",
            lambda r, depth=depth: best(r, depth), source=EE147, margin=0.1,
        )
        for name, depth in (("lower_at_best_shallow", 0.3), ("lower_at_best", 1.0), ("lower_at_best_deep", 3.0))
    ),
    lab.Greater(
        "deep_ripples_hold",
        "at best rates α = 0.9 brings more coordinates to the bottom at height 1 than at 3 (by 0.1)",
        lambda r: at_best(r, "lowest", 0.9).sel(depth=1.0, drop=True)
        - at_best(r, "lowest", 0.9).sel(depth=3.0, drop=True), source=THEORY, margin=0.1,
    ),
)  # fmt: skip


SEEN = {
    0.3: "momentum finds low minima at small rates",
    1.0: "so does descent that hops from well to well",
    3.0: "only descent that hops goes far",
}


def draw(r):
    figure, axes = lab.figures.panels(6)
    share = r.well.passed.astype(float).mean("start")
    lab.figures.seeds(axes[0], share.sel(stiffness=0.1), x="barrier", hue="momentum")
    lab.figures.seeds(axes[1], share.sel(barrier=0.3), x="stiffness", hue="momentum", log="x")
    expected = law(r.well).mean(("start", "seed"))
    for momentum in r.well.momentum:
        axes[0].plot(
            r.well.barrier,
            expected.sel(stiffness=0.1, momentum=momentum),
            color="black",
            linestyle=":",
            linewidth=1,
            zorder=5,
        )
        axes[1].plot(
            r.well.stiffness,
            expected.sel(barrier=0.3, momentum=momentum),
            color="black",
            linestyle=":",
            linewidth=1,
            zorder=5,
        )
    axes[0].set(title="Wells, ελ = 0.1: momentum comes over ridges (dotted: exact)", ylabel="share of starts that pass")
    axes[0].set_xlabel("ridge's distance d; height ½d²")
    axes[1].set(title="A ridge at 0.3: a larger rate alone passes only near divergence", xlabel="rate × curvature, ελ")
    axes[1].set_ylabel("share of starts that pass")
    steps = r.plateau.steps.sel(REST)
    lab.figures.dots(axes[2], steps, x="momentum", hue="averaged", log="y")
    axes[2].set(title="A gentle slope: as fast as a larger rate, no faster", xlabel="momentum α", ylabel="steps across")
    for ax, depth in zip(axes[3:], r.ripples.depth.values, strict=False):
        rate = r.ripples.assign_coords(rate=10.0**r.ripples.log10_rate).swap_dims(log10_rate="rate")
        lab.figures.seeds(ax, rate.loss.sel(depth=depth) + 1e-3, x="rate", hue="momentum", log="xy")
        title = f"Ripples of height {depth:g}: {SEEN.get(depth, 'which rates find low minima')}"
        ax.set(title=title, xlabel="rate, in units of 1/L", ylabel="loss of the minimum found + 0.001")
    return figure


MOMENTA = (0.0, 0.5, 0.9, 0.99)
EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "well": lab.Study(
            trials.well, {
                "barrier": (0.1, 0.3, 0.5, 0.7, 0.9), "stiffness": (0.001, 0.01, 0.1, 0.5, 1.0, 1.9),
                "momentum": MOMENTA, "drop": 1.0, "starts": 256, "steps": 2000,
            }, dims={"begin": ("start",), "passed": ("start",), "ends_lower": ("start",)},
        ),
        "plateau": lab.Study(
            trials.plateau, {
                "entry": {"at rest": 0.0, "rolling": 1000.0}, "floor": (0.0, 0.1), "width": (3.0, 30.0, 1000.0),
                "momentum": MOMENTA, "averaged": {"same rate": 0.0, "same effective rate": 1.0}, "cap": 20_000,
            },
        ),
        "ripples": lab.Study(
            trials.ripples, {
                "depth": (0.3, 1.0, 3.0), "momentum": MOMENTA,
                "log10_rate": (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0),
                "coordinates": 40, "steps": 3000, "settle": 400,
            },
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "well.starts": 32, "well.steps": 400, "well.barrier": (0.1, 0.3, 0.7), "ripples.steps": 500,
            "ripples.log10_rate": (-1.0, 0.0, 1.0), "plateau.cap": 12_000,
        },
        "full": {"seeds": 64, "well.starts": 4096, "ripples.coordinates": 1000, "ripples.steps": 20_000},
    },
    x64=True,
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
