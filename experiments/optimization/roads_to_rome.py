"""Do all roads lead to Rome: does descent reach the same loss from every start, on logistic regression and on networks?

Sources: cs182 3.1; Choromanska et al. 2015 (arXiv 1412.0233); Barzilai, Shamir & Zamani 2025 (arXiv 2503.10138: descent
on a convex function falls ever more slowly, for rates up to 1.75/L); Soudry et al. 2018 (arXiv 1710.10345). In float64.

Each seed is a bootstrap sample of 200 digits of 4 × 4 pixels, odd against even, and 8 starts on it, N(0, 1) for every
weight ("far") or N(0, 0.01²) ("near 0"). The loss is the mean negative log likelihood (NLL) in nats with ½λ‖θ‖² added,
λ = 0.003, so that every loss has a minimum. The networks have one layer of 2 or 8 tanh units; 0 units is logistic
regression. Descent takes 2000 steps at the rate 0.5, which is below 1/L of logistic regression, or a small one of 0.02.
From where it ends L-BFGS goes on to a gradient of 1e-7: what then still differs are different critical points and not
slow progress. Ends count as different if their losses differ by 1e-4.

"Separable" is zeros against ones with λ = 0: a plane parts them, and the NLL then has no minimum.

After the first standard run `plateau` looks at the small rate: at the large one the network's loss rises at times, and
what looked like a plateau of a fall of 0 was oscillation. It was supported in either way.
"""

import numpy as np
import roads_trials as trials

from dlnotes import lab
from dlnotes.data import images

CS182, CONVEX, SOUDRY = "cs182 3.1", "Barzilai et al. 2025", "Soudry et al. 2018"
RATES = {"small": 0.02, "large": 0.5}
SCALES = {"near 0": 0.01, "far": 1.0}


def at(r, hidden, scale="far", rate="large"):
    return r.starts.sel(hidden=hidden, scale=scale, rate=rate, drop=True)


def spread(losses):
    """log₁₀ of the highest less the lowest loss over starts, at least 1e-12."""
    return np.log10((losses.max("start", skipna=False) - losses.min("start", skipna=False)).clip(1e-12))


def stuck(r, hidden, rate):
    """Share of starts near 0 from which descent has made less than half of the fall that was there to be made."""
    runs = at(r, hidden, "near 0", rate)
    return (runs.descended - runs.end > (runs.first - runs.end) / 2).mean("start")


def grown(r):
    """‖w‖ gained in each tenfold time from 1000 steps on."""
    return r.separable.length.isel(decade=slice(3, None)).diff("decade")


# Tolerances. 1e-3 nats: after 2000 steps at 0.5 the flattest direction keeps e^(−2000·0.5·0.003) = 5 % of its error,
# 0.05²·½·0.003 times a few dozen weights: below 1e-4. Speed-up of a convex curve is at most 1; rounding of falls of
# 1e-10 is 1e-6 of them. Minima: one start in twenty. Soudry's laws hold in the limit: a quarter, a tenth.
PREDICTIONS = (
    lab.Less(
        "logistic_same_loss", "logistic regression: descent ends at the same loss from all starts (log₁₀, over 1e-3)",
        lambda r: spread(at(r, 0).descended) + 3, source=CS182,
    ),
    lab.Less(
        "logistic_same_point", "and the way on ends at the same weights (log₁₀ of the distance, over 1e-4)",
        lambda r: np.log10(at(r, 0).apart.clip(1e-16)) + 4, source=CS182,
    ),
    lab.Equivalent(
        "convex_never_speeds_up", "on logistic regression the fall of a step never grows (log₁₀ of the speed-up, most)",
        lambda r: np.log10(r.starts.speed_up.sel(hidden=0)).max(("scale", "rate", "start"), skipna=False),
        source=CONVEX, within=1e-3,
    ),
    lab.Greater(
        "network_spread", "2 units: the losses at the end of descent differ 10 times as much as logistic ones (log₁₀)",
        lambda r: spread(at(r, 2).descended) - spread(at(r, 0).descended), source=CS182, margin=1,
    ),
    lab.Greater(
        "different_optima", "2 units: L-BFGS ends at over 2 different losses from 8 starts (number beyond 1)",
        lambda r: at(r, 2).different_ends - 1, source=CS182, margin=1,
    ),
    lab.Equivalent(
        "ends_are_minima", "2 units: those ends are minima, no direction curves down (share)",
        lambda r: (at(r, 2).curvature > -1e-6).mean("start"), source=CS182, target=1, within=0.05,
    ),
    lab.Equivalent(
        "ends_are_reached", "2 units: L-BFGS gets to a gradient of 1e-7 (share)",
        lambda r: at(r, 2).solved.mean("start"), source="ours", target=1, within=0.05,
    ),
    lab.Greater(
        "plateau", "2 units, near 0, small rate: the fall speeds up at least tenfold after a plateau (log₁₀)",
        lambda r: np.log10(at(r, 2, "near 0", "small").speed_up).mean("start", skipna=False), source=CS182, margin=1,
    ),
    lab.Greater(
        "stuck_at_a_small_rate", "near 0, small rate: more starts of the network are stuck than of logistic (share)",
        lambda r: stuck(r, 2, "small") - stuck(r, 0, "small"), source=CS182,
    ),
    lab.Less(
        "a_large_rate_gets_off", "near 0: at the large rate fewer starts of the network are stuck (share)",
        lambda r: stuck(r, 2, "large") - stuck(r, 2, "small"), source=CS182,
    ),
    lab.Less(
        "alike_when_wide", "with 8 units the losses at the ends of L-BFGS differ less than with 2 (log₁₀)",
        lambda r: spread(at(r, 8).end) - spread(at(r, 2).end), source="Choromanska et al. 2015",
    ),
    lab.Equivalent(
        "separable_arrives", "separable: from 10⁴ to 10⁵ steps descent has arrived, ‖w‖ grows by less than 1 %",
        lambda r: r.separable.length.isel(decade=5) / r.separable.length.isel(decade=4) - 1, source=CS182, within=0.01,
    ),
    lab.Equivalent(
        "separable_log", "separable: ‖w‖ grows like log t, as much in one tenfold time as in the last (ratio)",
        lambda r: grown(r).isel(decade=-1) / grown(r).isel(decade=-2), source=SOUDRY, target=1, within=0.25,
    ),
    lab.Equivalent(
        "separable_loss", "separable: the NLL falls to 0 like 1/t (exponent between 10⁴ and 10⁵)",
        lambda r: np.log10(r.separable.loss.isel(decade=-1) / r.separable.loss.isel(decade=-2)), source=SOUDRY,
        target=-1, within=0.1,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(6)
    draw_curves(r, axes[0], 0, "far", "large", "Logistic regression, far starts: all roads meet")
    draw_curves(r, axes[1], 2, "far", "large", "2 tanh units, far starts: they end at different losses")
    draw_curves(r, axes[2], 2, "near 0", "small", "2 tanh units, near 0, small rate: a plateau first")
    ends = r.starts[["descended", "end"]].to_dataarray("after").sel(scale="far", rate="large")
    names = ("2000 steps of descent", "L-BFGS from there")
    lab.figures.dots(axes[3], 10 ** spread(ends), x="hidden", hue="after", labels=names, log="y")
    axes[3].set(title="Highest less lowest loss over 8 starts", xlabel="tanh units (0: logistic)", ylabel="nats")
    for ax, name in zip(axes[4:], ("length", "loss"), strict=True):
        array = r.separable[name]
        lab.figures.seeds(
            ax, array.assign_coords(decade=10.0**array.decade), x="decade", log="x" if name == "length" else "xy"
        )
    axes[4].set(title="Separable: ‖w‖ goes on growing: like log t?", xlabel="step t", ylabel="‖w‖")
    axes[5].set(title="Separable: the NLL goes on falling: like 1/t?", xlabel="step t", ylabel="NLL, nats")
    return figure


def draw_curves(r, ax, hidden, scale, rate, title):
    """Descent's loss on the first sample, each line a start."""
    one = at(r, hidden, scale, rate).curve.isel(seed=0, drop=True).rename(start="seed")
    where = trials.shown(r.starts.attrs["steps"], r.starts.attrs["points"]) + 1
    lab.figures.seeds(ax, one.assign_coords(point=where), x="point", log="x")
    ax.set(title=title, xlabel="step of descent (one sample, each line a start)", ylabel="loss, nats")


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "starts": lab.Study(
            trials.starts,
            {"hidden": (0, 2, 8), "scale": SCALES, "rate": RATES, "count": 8, "examples": 200, "pixels": 4,
             "penalty": 0.003, "steps": 2000, "points": 60, "dataset": "digits"},
            data=images.load,
            dims=dict.fromkeys(("first", "descended", "end", "solved", "curvature", "speed_up"), ("start",))
            | {"curve": ("start", "point")},
        ),
        "separable": lab.Study(
            trials.separable,
            {"rate": 0.5, "examples": 40, "pixels": 4, "decades": 5, "dataset": "digits"}, data=trials.zeros_and_ones,
            dims={"length": ("decade",), "loss": ("decade",)},
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "starts.hidden": (0, 2), "starts.count": 3, "starts.examples": 40, "starts.pixels": 2,
            "starts.steps": 200, "starts.points": 20, "separable.decades": 3,
        },
        "full": {"seeds": 64, "starts.count": 32, "starts.steps": 20_000, "starts.examples": 1437, "starts.pixels": 8},
    },
    x64=True,
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
