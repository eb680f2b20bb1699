"""Does clipping the gradient survive cliffs that throw plain descent away, and what does it cost where there are none?

Sources: lectures Exploding Gradients, Gradient Clipping; ee147 Optimizing Gradient Descent, Recurrent Neural Networks;
cs182 4.5 and 6.1.3; Pascanu, Mikolov & Bengio 2013 (arXiv 1211.5063).

The cliff: the loss of one recurrent unit over 50 time steps, a function of its weight w and bias b, nearly flat on both
sides of a wall. Descent begins within 0.05 of the wall and takes 500 steps; the threshold is 1. "By norm" shortens a
gradient that is longer than the threshold, "per element" cuts each of its numbers; ee147 prints a formula that also
*lengthens* short ones.

The network: a tanh recurrent network of 16 units reads a digit in 32 time steps, 2 pixels each; 300 batches of 16. Its
recurrent matrix begins as `gain` times an orthogonal one: at gain 1 it is healthy, at 1.5 its gradients are longer.
The threshold is the mean norm over an epoch (90 batches) at the rate 0.003 from the same start, thrown away afterwards
(cs182 4.5); "10 times" is ten times that; per element it is that over √n, so that no step is longer than by norm. A
network has diverged if its training loss ends higher than it began. Losses above log 10, that of knowing nothing, count
as that where they are compared. "Best rate": the lowest mean over seeds of log training loss.

After the first standard run the gain was changed from 2 to 1.5: at 2, with gradients 17 times as long as at gain 1, no
treatment learned much in 200 steps (best mean loss 1.94 nats of 2.30, differences inconclusive). Rates and steps were
added, and networks that had just not learned yet at small rates no longer count as diverged. Large rates at gain 1 had
shown what clipping does better than gain 2 had, so that prediction was added. "Costs nothing", which the interval of
healthy networks tests on both sides, was later worded as it is tested: gains count as well as costs.
"""

import cliff_trials as trials
import numpy as np

from dlnotes import lab
from dlnotes.data import images

STEEP, HEALTHY = 1.5, 1.0


def on_cliff(array, treatment):
    return array.assign_coords(treatment=list(trials.ON_CLIFF)).sel(treatment=treatment, drop=True)


def bound(r):
    """ε·threshold."""
    return 10.0**r.falling.log10_rate * r.falling.attrs["threshold"]


def beyond(r, method, factor):
    """How much longer than ε·threshold·factor the longest step is, relative; 0 if it is not. The worst rate."""
    excess = on_cliff(r.falling.longest, method) / (factor * bound(r)) - 1
    return excess.clip(min=0).max("log10_rate", skipna=False)


def thrown(r):
    """log₁₀ of the longest plain step over the longest clipped one, mean over rates."""
    ratio = on_cliff(r.falling.longest, "plain") / on_cliff(r.falling.longest, "by norm")
    return np.log10(ratio).mean("log10_rate", skipna=False)


def undone(r, method):
    """How much higher than the lowest loss on the way the end is, mean over rates."""
    return (on_cliff(r.falling.last_loss, method) - on_cliff(r.falling.lowest, method)).mean("log10_rate", skipna=False)


def ending(r, method):
    return on_cliff(r.falling.last_loss, method).mean("log10_rate", skipna=False)


def last_step(r, method):
    """log₁₀ of the last step over ε·threshold, the mean over rates."""
    return np.log10((on_cliff(r.falling.last, method) / bound(r)).clip(1e-12)).mean("log10_rate", skipna=False)


def training_loss(r, gain):
    """Nats, at most log 10, by method, rate and seed."""
    loss = r.reading.training_loss.sel(gain=gain, drop=True).assign_coords(treatment=list(trials.ON_DIGITS))
    return loss.where(np.isfinite(loss), np.log(10)).clip(max=np.log(10))


def diverged(r, gain, method):
    """Share of learning rates at which a seed ends above its first training loss, or not finite."""
    here = r.reading.sel(gain=gain, drop=True).assign_coords(treatment=list(trials.ON_DIGITS))
    below = here.training_loss.sel(treatment=method, drop=True) < here.first_loss
    return (~below).mean("log10_rate")


def tuned(r, gain, method):
    """log₁₀ of the training loss at the best rate."""
    loss = np.log10(training_loss(r, gain).sel(treatment=method, drop=True))
    return lab.at_best(loss, loss, "log10_rate")


def no_op(r):
    """Largest difference that a threshold of ten healthy norms makes at the smallest rate, gain 1; relative."""
    loss = training_loss(r, HEALTHY).isel(log10_rate=0, drop=True)
    return abs(loss.sel(treatment="by norm, 10 times", drop=True) / loss.sel(treatment="plain", drop=True) - 1)


def explosion(r):
    """log₁₀ of the healthy norm at gain 1.5 over that at gain 1."""
    norm = np.log10(r.reading.healthy.isel(log10_rate=0, drop=True))
    return norm.sel(gain=STEEP, drop=True) - norm.sel(gain=HEALTHY, drop=True)


LECTURES, EE147, CS182 = "lectures Gradient Clipping", "ee147 Optimizing Gradient Descent", "cs182 4.5"
CLIPPING = f"{LECTURES}; {EE147}; {CS182}"
TENTH = float(np.log10(1.1))

# Tolerances. Bounds: rounding in float64; as printed: Optax adds 1e-6 to ‖g‖, which may be 1e-3. Losses: a tenth, no
# more than a step between two rates usually makes.
PREDICTIONS = (
    lab.Equivalent(
        "bound_by_norm", "cliff, by norm: no step is longer than ε·threshold (excess of the longest)",
        lambda r: beyond(r, "by norm", 1), source=LECTURES, within=1e-9,
    ),
    lab.Equivalent(
        "bound_per_element", "cliff, per element: none is longer than ε·threshold·√2 (excess of the longest)",
        lambda r: beyond(r, "per element", 2**0.5), source=f"{CS182}; theory: √n", within=1e-9,
    ),
    lab.Greater(
        "thrown_away", "cliff: the longest plain step is more than ten times the longest clipped one (log₁₀)",
        thrown, source="lectures Exploding Gradients", margin=1.0,
    ),
    lab.Greater(
        "work_undone", "cliff: plain descent ends above the lowest loss on its way, by more than clipped descent",
        lambda r: undone(r, "plain") - undone(r, "by norm"), source="lectures Exploding Gradients",
    ),
    lab.Less(
        "ends_lower", "cliff: descent clipped by norm ends at a lower loss than plain descent",
        lambda r: ending(r, "by norm") - ending(r, "plain"), source=CLIPPING,
    ),
    lab.Equivalent(
        "kinds_alike", "cliff: by norm and per element end at the same loss (difference)",
        lambda r: ending(r, "by norm") - ending(r, "per element"), source="Pascanu et al. 2013", within=0.02,
    ),
    lab.Equivalent(
        "printed_never_settles", "cliff, as printed in ee147: the last step is as long as any (log₁₀ over ε·threshold)",
        lambda r: last_step(r, "as printed in ee147"), source="theory: g·c/‖g‖ has the length c", within=1e-3,
    ),
    lab.Less(
        "clipped_settles", "cliff, by norm: the last step is ten times shorter or more (log₁₀)",
        lambda r: last_step(r, "by norm"), source=CS182, margin=1.0,
    ),
    lab.Greater(
        "explosion", "gain 1.5: gradients are more than ten times as long as at gain 1, over a healthy epoch (log₁₀)",
        explosion, source="cs182 6.1.3; ee147 Recurrent Neural Networks", margin=1.0,
    ),
    lab.Less(
        "fewer_diverge", "gain 1.5: clipping by norm diverges at fewer rates than plain descent (share of rates)",
        lambda r: diverged(r, STEEP, "by norm") - diverged(r, STEEP, "plain"), source=CLIPPING,
    ),
    lab.Less(
        "fewer_diverge_per_element", "gain 1.5: so does clipping per element (share of rates)",
        lambda r: diverged(r, STEEP, "per element") - diverged(r, STEEP, "plain"), source=CS182,
    ),
    lab.Less(
        "fewer_diverge_healthy", "gain 1: clipping by norm diverges at fewer rates than plain descent (share of rates)",
        lambda r: diverged(r, HEALTHY, "by norm") - diverged(r, HEALTHY, "plain"), source=CLIPPING,
    ),
    lab.Less(
        "trains_better", "gain 1.5, best rates: clipping by norm ends at a lower training loss (log₁₀)",
        lambda r: tuned(r, STEEP, "by norm") - tuned(r, STEEP, "plain"), source="cs182 6.1.3; Pascanu et al. 2013",
    ),
    lab.Equivalent(
        "threshold_is_forgiving", "gain 1.5, best rates: ten times the threshold does as well (log₁₀ of the losses)",
        lambda r: tuned(r, STEEP, "by norm, 10 times") - tuned(r, STEEP, "by norm"),
        source="Pascanu et al. 2013", within=TENTH,
    ),
    lab.Equivalent(
        "healthy_unharmed", "gain 1, best rates: clipping at the healthy norm costs or gains less than a tenth (log₁₀)",
        lambda r: tuned(r, HEALTHY, "by norm") - tuned(r, HEALTHY, "plain"), source=CS182, within=TENTH,
    ),
    lab.Equivalent(
        "no_op", "gain 1, smallest rate: a threshold of ten healthy norms changes nothing (relative difference)",
        no_op, source="theory: below the threshold clipping is the identity", within=1e-6,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(6)
    draw_cliff(r, axes[:3])
    losses = {gain: training_loss(r, gain) for gain in (STEEP, HEALTHY)}
    for ax, gain, title in (
        (axes[3], STEEP, "Gain 1.5, longer gradients: which rates train"),
        (axes[4], HEALTHY, "Gain 1, healthy: what clipping costs, and gains"),
    ):
        lab.figures.seeds(ax, losses[gain], x="log10_rate", hue="treatment", log="y")
        ax.set(title=title, xlabel="log₁₀ of the learning rate", ylabel="training loss, nats")
    norm = r.reading.healthy.isel(log10_rate=0, drop=True)
    lab.figures.dots(axes[5], norm, x="gain", log="y")
    axes[5].set(title="The thresholds: mean norm of a healthy epoch", ylabel="norm of the gradient")
    return figure


def draw_cliff(r, axes):
    """Paths over the cliff; longest steps; losses at the end."""
    from dlnotes.lab.figures import PALETTE

    rate = r.falling.log10_rate.values[len(r.falling.log10_rate) // 2]
    one = r.falling.sel(log10_rate=rate).isel(seed=0)
    w = np.linspace(3.5, 6.5, 90)
    axes[0].plot(w, 0.5 - w / (1 + np.exp(-0.5)), color="black", linewidth=1, linestyle=":", label="the cliff")
    for color, method in zip(PALETTE, ("plain", "by norm"), strict=False):
        path = on_cliff(one.place, method).transpose("step", "coordinate").values
        path = np.concatenate([one.first_place.values[None], path])
        axes[0].plot(*path.T, ".-", markersize=3, linewidth=0.8, color=color, label=method)
    axes[0].legend(fontsize=8, frameon=False)
    axes[0].set(title=f"One seed, rate {10**rate:.2g}: plain descent is thrown off", xlabel="w", ylabel="b")
    longest = (r.falling.longest / bound(r)).assign_coords(treatment=list(trials.ON_CLIFF))
    lab.figures.dots(axes[1], longest, x="log10_rate", hue="treatment", log="y")
    axes[1].set(title="The longest step, in units of rate × threshold", xlabel="log₁₀ of the learning rate", ylabel="")
    losses = r.falling.last_loss.assign_coords(treatment=list(trials.ON_CLIFF))
    lab.figures.dots(axes[2], losses, x="log10_rate", hue="treatment")
    axes[2].set(title="The loss after 500 steps beside the cliff", xlabel="log₁₀ of the learning rate", ylabel="loss")


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "falling": lab.Study(
            trials.falling,
            {"log10_rate": (-2.5, -2.0, -1.5, -1.0, -0.5), "threshold": 1.0, "reach": 0.05, "unrolled": 50,
             "steps": 500},
            dims={
                **dict.fromkeys(("loss", "longest", "last", "lowest", "last_loss", "away"), ("treatment",)),
                "place": ("treatment", "coordinate"), "first_place": ("coordinate",),
            },
        ),
        "reading": lab.Study(
            trials.reading,
            {"gain": (HEALTHY, STEEP), "log10_rate": (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5), "log10_healthy": -2.5,
             "width": 16, "pixels": 2, "batch": 16, "epoch": 90, "steps": 300, "every": 30, "dataset": "digits"},
            data=images.load,
            dims=dict.fromkeys(("loss", "log10_norm", "training_loss"), ("treatment",)),
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "falling.steps": 60, "falling.unrolled": 30, "reading.width": 8, "reading.pixels": 8,
            "reading.epoch": 20, "reading.steps": 20, "reading.every": 10, "log10_rate": (-2.0, -1.0),
        },
        "full": {
            "seeds": 64, "dataset": "mnist", "falling.steps": 10_000, "reading.width": 128, "reading.pixels": 7,
            "reading.batch": 64, "reading.epoch": 937, "reading.steps": 9370, "reading.every": 937,
        },
    },
    x64=True,
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
