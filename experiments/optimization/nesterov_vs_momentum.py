"""Does Nesterov's momentum overshoot less than plain momentum, and is it faster on convex problems?

Sources: ee147 Optimizing Gradient Descent (it looks ahead, lest momentum carry too far; works better); lectures
Nesterov Momentum (faster where the loss is convex); Lessard, Recht & Packard 2016 (arXiv 1408.3595). All in float64.

"Plain" momentum is the heavy ball v ← αv − εg, θ ← θ + v; Nesterov's takes the gradient at θ + αv. Along an axis of
curvature λ two equal numbers rule each: the heavy ball keeps √α of its swing a step, Nesterov's √(α(1 − ελ)).

Overshoot along an axis is the farthest point beyond the minimum, in units of the distance at the start, which is at
rest. On other problems it is the climb: all the loss that is climbed over on the way, in units of the loss at the
start; 0.001 is added before logarithms. A run ends when the gradient is a thousandth of the first (in "tuned": the
distance a share as said), or after `cap` steps, which then stand for their number, as for runs that diverge. Quadratics
have κ = 100, largest curvature L = 1 and other curvatures drawn anew for each seed: most of them small ("flat"), even,
or most of them large ("steep"). Digits is softmax regression with ½λ‖θ‖² on a bootstrap sample; there L is a bound from
the data. Rates are in units of 1/L. Each one's best settings are those of the fewest steps, on average over seeds.

After the first quick run √3 is asked for at 10⁻⁶⁰ too: on its way to 10⁻⁶ plain momentum still carries the factor k
that its double roots give it along the steepest axis, about 2kρᵏ. The prediction for 10⁻⁶ stays. After the first
standard run the grid of rates on digits is finer (it was 0.3, 1, 3 and 10; `fewer_at_best_on_digits` was 0.114 then).
"""

import nesterov_trials as trials
import numpy as np
import xarray as xr

from dlnotes import lab
from dlnotes.data import images
from dlnotes.maths import quadratics

PLAIN, NESTEROV = "plain", "Nesterov"
METHODS = {PLAIN: 0.0, NESTEROV: 1.0}


def kept_law(of: xr.DataArray) -> xr.DataArray:
    """√|r₁r₂| at the coordinates of `of`."""
    stiffness, momentum, nesterov = xr.broadcast(of.stiffness, of.momentum, of.nesterov)
    ahead = (nesterov.values == NESTEROV).astype(float)
    roots = np.asarray(quadratics.momentum_roots(stiffness.values, momentum.values, ahead))
    return stiffness.copy(data=np.sqrt(np.abs(roots[0] * roots[1])))


def less(array: xr.DataArray) -> xr.DataArray:
    """Nesterov's value less the heavy ball's."""
    return array.sel(nesterov=NESTEROV, drop=True) - array.sel(nesterov=PLAIN, drop=True)


def alike(study: xr.Dataset, measure: str) -> xr.DataArray:
    """log₁₀ of a measure, Nesterov's less the heavy ball's, mean over all settings with ε ≤ 1/L and α ≥ 0.7."""
    found = study[measure].sel(rate=slice(None, 1.0), momentum=slice(0.7, None))
    logs = less(np.log10(found + (1e-3 if measure == "climb" else 0.0)))
    return logs.mean([dim for dim in logs.dims if dim != "seed"])


def at_best(study: xr.Dataset, measure: str, method: str) -> xr.DataArray:
    """A measure at a method's own best rate and momentum."""
    mine = study[[measure, "steps"]].sel(nesterov=method, drop=True)
    return lab.at_best(mine[measure], mine.steps, "momentum", "rate")


def best(study: xr.Dataset, measure: str = "steps") -> xr.DataArray:
    """log₁₀ of a measure, Nesterov's less the heavy ball's, each at its best settings."""
    add = 1e-3 if measure == "climb" else 0.0
    found = [np.log10(at_best(study, measure, method) + add) for method in (NESTEROV, PLAIN)]
    return (found[0] - found[1]).mean([dim for dim in found[0].dims if dim != "seed"])


def arrived(r, rate, momentum, method):
    """Share of quadratics on which a method arrives."""
    found = r.quadratic.steps.sel(rate=rate, momentum=momentum, nesterov=method, drop=True)
    return (found < r.quadratic.attrs["cap"]).mean("bend")


def slower(r, left):
    """Steps of Nesterov's method over the heavy ball's, each with its best constants, κ = 10⁴."""
    steps = r.tuned.steps.sel(condition=1e4, left=left, drop=True)
    return steps.sel(nesterov=NESTEROV, drop=True) / steps.sel(nesterov=PLAIN, drop=True)


EE147, LECTURES = "ee147 Optimizing Gradient Descent", "lectures Nesterov Momentum"
LESSARD, THEORY = "Lessard, Recht & Packard 2016", "the roots of both methods"

# Tolerances. What is kept: rounding. √3: to 5 %, as both leave kρᵏ, not ρᵏ, of the error. Shares: all seeds must agree.
PREDICTIONS = (
    lab.Equivalent(
        "damping", "an axis keeps √α of its swing a step, √(α(1 − ελ)) with Nesterov (largest relative difference)",
        lambda r: abs(r.axis.kept / kept_law(r.axis.kept) - 1).max(("stiffness", "momentum", "nesterov")),
        source=THEORY, within=1e-6,
    ),
    lab.Less(
        "overshoots_less", "same ε and α, ελ ≤ 0.8: Nesterov overshoots less along an axis (mean, by 0.05)",
        lambda r: less(r.axis.overshoot).mean(("stiffness", "momentum")), source=EE147, margin=0.05,
    ),
    lab.Less(
        "never_overshoots_more", "and nowhere more (its worst setting)",
        lambda r: less(r.axis.overshoot).max(("stiffness", "momentum")), source=EE147,
    ),
    lab.Less(
        "climbs_less", "random quadratics, same ε ≤ 1/L and α ≥ 0.7: Nesterov climbs less (log₁₀)",
        lambda r: alike(r.quadratic, "climb"), source=EE147,
    ),
    lab.Less(
        "climbs_less_on_digits", "digits, same ε ≤ 1/L and α ≥ 0.7: Nesterov climbs less (log₁₀)",
        lambda r: alike(r.digits, "climb"), source=EE147,
    ),
    lab.Less(
        "fewer_steps", "random quadratics, same ε ≤ 1/L and α ≥ 0.7: Nesterov takes fewer steps (log₁₀)",
        lambda r: alike(r.quadratic, "steps"), source=LECTURES,
    ),
    lab.Less(
        "fewer_steps_on_digits", "digits, same ε ≤ 1/L and α ≥ 0.7: Nesterov takes fewer steps (log₁₀)",
        lambda r: alike(r.digits, "steps"), source=LECTURES,
    ),
    lab.Equivalent(
        "less_stable", "ε = 2/L, α = 0.9: plain momentum arrives, Nesterov diverges (difference of shares)",
        lambda r: arrived(r, 2.0, 0.9, PLAIN) - arrived(r, 2.0, 0.9, NESTEROV), source=THEORY, target=1, within=0.01,
    ),
    lab.Less(
        "fewer_at_best", "random quadratics, each at its best: Nesterov takes fewer steps (log₁₀)",
        lambda r: best(r.quadratic), source=LECTURES,
    ),
    lab.Less(
        "climbs_less_at_best", "random quadratics, each at its best: Nesterov climbs less (log₁₀)",
        lambda r: best(r.quadratic, "climb"), source=EE147,
    ),
    lab.Less(
        "fewer_at_best_on_digits", "digits, each at its best: Nesterov takes fewer steps (log₁₀)",
        lambda r: best(r.digits), source=LECTURES,
    ),
    *(
        lab.Equivalent(
            name, f"quadratics, best constants of theory: √3 times as many steps to {left} of the distance, κ = 10⁴",
            lambda r, left=left: slower(r, left), source=LESSARD, target=3**0.5, within=0.087,
        )
        for name, left in (("root_three", "10⁻⁶"), ("root_three_in_the_long_run", "10⁻⁶⁰"))
    ),
    lab.Equivalent(
        "cycles", "from near 3.3 plain momentum with Polyak's constants cycles on a convex function (share)",
        lambda r: r.trap.in_cycle.sel(width="near", nesterov=PLAIN, drop=True), source=LESSARD, target=1, within=0.01,
    ),
    lab.Equivalent(
        "nesterov_arrives", "Nesterov's constants arrive there, from 3.3 ± 5 (share)",
        lambda r: r.trap.arrived.sel(width="wide", nesterov=NESTEROV, drop=True), source=LESSARD, target=1, within=0.01,
    ),
    lab.Greater(
        "trapped_often", "plain momentum misses the minimum from over a hundredth of the starts in 3.3 ± 5 (share)",
        lambda r: 1 - r.trap.arrived.sel(width="wide", nesterov=PLAIN, drop=True), source=LESSARD, margin=0.01,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(8)
    lab.figures.seeds(axes[0], r.axis.path.sel(stiffness=0.2, momentum=0.9), x="k", hue="nesterov")
    axes[0].set(title="One axis, ελ = 0.2, α = 0.9: Nesterov's swing dies sooner", xlabel="step", ylabel="error")
    lab.figures.seeds(axes[1], r.axis.overshoot.sel(momentum=0.9), x="stiffness", hue="nesterov")
    axes[1].set(
        title="It overshoots less, the more so at large ελ (α = 0.9)", ylabel="overshoot / distance at the start"
    )
    axes[1].set_xlabel("rate × curvature, ελ")
    for ax, study, title in (
        (
            axes[2],
            r.quadratic.sel(bend="even", rate=[0.1, 0.3, 1.0, 2.0]),
            "Quadratic, α = 0.9: same rate, fewer steps, until it diverges",
        ),
        (axes[3], r.digits, "Digits, α = 0.9: which rates work"),
    ):
        lab.figures.dots(ax, study.steps.sel(momentum=0.9), x="rate", hue="nesterov", log="xy")
        ax.set(title=title, xlabel="rate, in units of 1/L", ylabel=f"steps, at most {study.attrs['cap']}")
    for ax, measure, title, label in (
        (axes[4], "steps", "Each at its best: who takes fewer steps on quadratics", "steps"),
        (axes[5], "climb", "… and how much loss it climbs over on the way", "climb / loss at the start + 0.001"),
    ):
        found = xr.concat([at_best(r.quadratic, measure, method) for method in METHODS], "nesterov")
        found = found.assign_coords(nesterov=list(METHODS)) + (1e-3 if measure == "climb" else 0)
        lab.figures.dots(ax, found, x="bend", hue="nesterov", log="y")
        ax.set(title=title, xlabel="curvatures", ylabel=label)
    lab.figures.dots(axes[6], r.tuned.steps.sel(left="10⁻⁶⁰"), x="condition", hue="nesterov", log="xy")
    axes[6].set(
        title="Theory's best constants: √3 times the steps to 10⁻⁶⁰", xlabel="condition number κ", ylabel="steps"
    )
    lab.figures.seeds(axes[7], r.trap.path.sel(width="near"), x="k", hue="nesterov")
    axes[7].set(
        title="Convex, but no quadratic: plain momentum cycles for ever", xlabel="step", ylabel="θ (minimum at 0)"
    )
    return figure


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "axis": lab.Study(
            trials.along_axis, {
                "stiffness": (0.1, 0.2, 0.4, 0.6, 0.8), "momentum": (0.5, 0.9, 0.99), "nesterov": METHODS, "steps": 400,
                "shown": 41,
            }, dims={"path": ("k",)},
        ),
        "quadratic": lab.Study(
            trials.quadratic, {
                "bend": {"flat": 4.0, "even": 1.0, "steep": 0.25}, "momentum": (0.0, 0.5, 0.7, 0.8, 0.9, 0.95),
                "rate": (0.1, 0.3, 1.0, 1.3, 2.0, 2.7, 3.3), "nesterov": METHODS, "condition": 100.0, "axes": 30,
                "cap": 2000,
            },
        ),
        "digits": lab.Study(
            trials.digits, {
                "momentum": (0.5, 0.7, 0.8, 0.9, 0.95, 0.98), "nesterov": METHODS,
                "rate": (0.3, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0),
                "pixels": 4, "examples": 96, "penalty": 0.01, "cap": 400, "dataset": "digits",
            }, data=images.load,
        ),
        "tuned": lab.Study(
            trials.tuned, {
                "condition": (100.0, 1e3, 1e4), "left": {"10⁻⁶": 1e-6, "10⁻⁶⁰": 1e-60}, "nesterov": METHODS, "axes": 5,
                "cap": 20_000,
            },
        ),
        "trap": lab.Study(
            trials.trap, {
                "width": {"near": 0.05, "wide": 5.0}, "nesterov": METHODS, "starts": 256, "steps": 400, "shown": 31,
            }, dims={"path": ("k",)},
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "quadratic.axes": 10, "digits.pixels": 2, "digits.examples": 40, "digits.cap": 100,
            "digits.momentum": (0.7, 0.9), "digits.rate": (1.0, 3.0), "trap.starts": 64,
        },
        "full": {
            "seeds": 64, "quadratic.axes": 200, "digits.pixels": 8, "digits.examples": 1437, "digits.cap": 5000,
            "trap.starts": 4096,
        },
    },
    x64=True,
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
