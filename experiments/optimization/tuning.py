"""Do normalized steps make the learning rate easy to tune, are Adam's defaults good, and is Adam robust?

Sources: cs182 3.3.2 (magnitudes of gradients make rates hard to tune, RMSProp takes them out) and 3.3.4 (good default
settings: 0.001, 0.9, 0.999, 1e-8); formulas 2.4.6 (the same, but α needs to be tuned); ee147 Optimizing Gradient
Descent (Adam is robust to hyperparameters).

Scale: softmax regression on the digits, its loss multiplied by 2^10 (about a thousand), 2^−10 or 2^−20 (a millionth).
Powers of two change no digit of a binary number, so what is predicted to be the same is the same to the bit. A path is
the sequence of the 60 batch losses; differences are relative, the largest of them counts.

Defaults and robustness: softmax regression, a classifier with two hidden ReLU layers of 24 units and an autoencoder
with three, 300 steps on batches of 32 digits, and Rosenbrock's function, 1000 steps from random starts. All else but
the learning rate is as in the notes: momentum 0.9, RMSProp's β = 0.99 without correction. Losses are means over the
batches of the last fifth, Rosenbrock's function is taken at the end; not finite or above knowing nothing (log 10 nats,
1 for a pixel, 100 for Rosenbrock) counts as that. The width of the good rates is how many decades of learning rates end
within 5 % of the lowest loss of that seed, log loss interpolated linearly between rates a quarter of a decade apart.
Regret is log₁₀ of the loss over the tuned one, at the rate with the lowest (geometric) mean over seeds.

A first standard run judged networks by the whole training set's loss after the last step. One seed's curve over the
rates was then so rough that its minimum hid the width: 0.1 to 0.6 decades on a grid of thirds, and no difference was
decided. So the losses are means now, the same batches for all rates, the grid is finer and reaches 100, and widths
within a factor of two were added, which were not seen before. No margin was moved. The second run showed the trap of
measuring each optimizer against its own best: on the autoencoder SGD is "robust" on the plateau of the mean picture,
which Adam leaves. Widths near the lowest loss of all six were added after that sight.
"""

import numpy as np
import tuning_trials as trials
import xarray as xr

from dlnotes import lab
from dlnotes.data import images

NOTHING = {"softmax regression": float(np.log(10)), "classifier": float(np.log(10)), "autoencoder": 1.0}
AT = {"SGD": 0, "AdaGrad": -4, "RMSProp": -8, "Adam": -6, "RMSProp, ε in the root": -8}  # log₂ of usual rates


def scaled(r, method, epsilon):
    """Batch losses of one method, unscaled."""
    loss = r.scaled.loss.assign_coords(optimizer=list(trials.SCALED))
    return loss.sel(optimizer=method, epsilon=epsilon, drop=True)


def deviation(r, method, epsilon, *scales):
    """Largest relative difference of the losses on the way from those at scale 1, same learning rate."""
    loss = scaled(r, method, epsilon).sel(log2_rate=AT[method], drop=True)
    one = loss.sel(log2_scale=0, drop=True)
    return abs(loss.sel(log2_scale=list(scales)) / one - 1).max(("log2_scale", "step"), skipna=False)


def compensated(r):
    """The same for SGD, its learning rate divided by the scale."""
    loss = scaled(r, "SGD", "usual")
    one = loss.sel(log2_scale=0, log2_rate=AT["SGD"], drop=True)
    others = [loss.sel(log2_scale=k, log2_rate=AT["SGD"] - k, drop=True) for k in (-20, -10, 10)]
    return abs(xr.concat(others, "scale") / one - 1).max(("scale", "step"), skipna=False)


def shift(r, method, k):
    """log₂ of the best rate where the loss is 2^k times larger, over the best rate at scale 1."""
    loss = scaled(r, method, "usual")
    last = loss.where(np.isfinite(loss), np.log(10)).isel(step=slice(-max(loss.sizes["step"] // 4, 1), None))
    best = last.mean("step").idxmin("log2_rate")
    return best.sel(log2_scale=k, drop=True) - best.sel(log2_scale=0, drop=True)


def curve(r, task):
    """log₁₀ of the loss over training, or of Rosenbrock's function."""
    if task == "Rosenbrock":
        value, nothing = r.valley.value, 100.0
    else:
        value, nothing = r.network.loss.sel(task=task, drop=True), NOTHING[task]
    value = value.assign_coords(optimizer=list(trials.METHODS))
    return np.log10(value.where(np.isfinite(value), nothing).clip(1e-12, nothing))


def last(r, task):
    return curve(r, task).isel(step=-1, drop=True)


def best_rate(log_loss):
    """The rate of the lowest mean over seeds."""
    return log_loss.mean("seed").idxmin("log10_rate")


def regret(r, task):
    """log₁₀ of Adam's loss at its default rate over that at its best one."""
    loss = last(r, task).sel(optimizer="Adam", drop=True)
    return loss.sel(log10_rate=-3, drop=True) - loss.sel(log10_rate=best_rate(loss), drop=True)


def decades_below(rates, log_loss, level):
    """For how many decades of rates the piecewise linear log loss is at most `level`."""
    excess = log_loss - level
    left, right = excess[:-1], excess[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = np.where(left == right, 1.0, np.minimum(left, right) / np.where(left == right, 1.0, left - right))
    share = np.where(np.maximum(left, right) <= 0, 1.0, np.where(np.minimum(left, right) > 0, 0.0, abs(crossing)))
    return float(np.sum(share * np.diff(rates)))


def width(r, task, within=1.05, among="log10_rate"):
    """Decades of good rates, by seed and optimizer; the lowest loss is its own, or that of all optimizers too."""
    loss = last(r, task)
    level = loss.min(among) + np.log10(within)
    return xr.apply_ufunc(
        decades_below, r.network.log10_rate, loss, level, vectorize=True,
        input_core_dims=[["log10_rate"], ["log10_rate"], []],
    )  # fmt: skip


ALL = ("log10_rate", "optimizer")


def over_tasks(measure):
    return xr.concat([measure(task) for task in NOTHING], "task").mean("task", skipna=False)


def wider(r, *others, **how):
    """Decades by which Adam's good rates exceed those of the best of other methods, the mean over the networks."""
    found = over_tasks(lambda task: width(r, task, **how))
    return found.sel(optimizer="Adam", drop=True) - found.sel(optimizer=list(others)).max("optimizer")


def too_fast(r, method):
    """log₁₀ of the loss at ten times the best rate over that at the best, the mean over the three networks."""

    def cost(task):
        loss = last(r, task).sel(optimizer=method, drop=True)
        best = best_rate(loss)
        faster = loss.sel(log10_rate=best + 1, method="nearest").drop_vars("log10_rate")
        return faster - loss.sel(log10_rate=best, drop=True)

    return over_tasks(cost)


RMSPROP, DEFAULTS, FORMULAS = "cs182 3.3.2", "cs182 3.3.4", "formulas 2.4.6"
EE147 = "ee147 Optimizing Gradient Descent"
TENTH = float(np.log10(1.1))

# Tolerances. Same paths: nothing is rounded differently, 1e-6 is ten times the last digit. ε = 1e-8 after the root:
# gradients of 1e-4, a thousandth of that, are still ten times ε; 1 % is what nobody would see. Best rates: half a step
# of their grid. Losses: a tenth, no more than a step between two rates usually makes.
PREDICTIONS = (
    lab.Equivalent(
        "descent_rescaled", "SGD: same path for a scaled loss if the rate is divided by the scale (difference)",
        compensated, source="theory: the step is rate times gradient", within=1e-6,
    ),
    lab.Equivalent(
        "normalized_without_epsilon", "AdaGrad, RMSProp, Adam without ε: same path whatever the loss's scale (largest)",
        lambda r: xr.concat([deviation(r, name, "absent", -20, -10, 10) for name in ("AdaGrad", "RMSProp", "Adam")],
                            "optimizer").max("optimizer", skipna=False),
        source=RMSPROP, within=1e-6,
    ),
    lab.Equivalent(
        "thousandfold", "RMSProp and Adam, ε = 1e-8: same path to 1 % for a thousand times more or less (largest)",
        lambda r: xr.concat([deviation(r, name, "usual", -10, 10) for name in ("RMSProp", "Adam")],
                            "optimizer").max("optimizer", skipna=False),
        source=RMSPROP, within=0.01,
    ),
    lab.Greater(
        "millionth", "Adam, ε = 1e-8: no longer so for a millionth of the loss (difference, by 1 %)",
        lambda r: deviation(r, "Adam", "usual", -20), source="theory: gradients fall below ε", margin=0.01,
    ),
    lab.Greater(
        "epsilon_in_the_root",
        "a thousandth of the loss: RMSProp's path changes ten times more with ε in the root (log₁₀)",
        lambda r: np.log10(deviation(r, "RMSProp, ε in the root", "usual", -10).clip(1e-8)
                           / deviation(r, "RMSProp", "usual", -10).clip(1e-8)),
        source="theory: in the root 1e-8 is 1e-4", margin=1.0,
    ),
    lab.Equivalent(
        "descent_best_rate", "a thousand times the loss: SGD's best rate is a thousandth (log₂)",
        lambda r: shift(r, "SGD", 10), source=RMSPROP, target=-10.0, within=1.0,
    ),
    lab.Equivalent(
        "normalized_best_rate", "a thousand times more or less: RMSProp's and Adam's best rates stay (largest |log₂|)",
        lambda r: xr.concat([abs(shift(r, name, k)) for name in ("RMSProp", "Adam") for k in (-10, 10)],
                            "case").max("case"),
        source=RMSPROP, within=1.0,
    ),
    *(
        lab.Equivalent(
            f"defaults_{task.lower().replace(' ', '_')}",
            f"{task}: Adam's defaults do as well as the best rate (log₁₀)",
            lambda r, task=task: regret(r, task), source=DEFAULTS, within=TENTH,
        )
        for task in (*NOTHING, "Rosenbrock")
    ),
    lab.Greater(
        "rate_needs_tuning", "the three networks: tuning the rate alone takes a tenth off Adam's loss, or more (log₁₀)",
        lambda r: over_tasks(lambda task: regret(r, task)), source=FORMULAS, margin=TENTH,
    ),
    *(
        lab.Greater(
            f"wider_than_{method.lower()}", f"the three networks: Adam's good rates span more decades than {name}",
            lambda r, method=method: wider(r, method), source=EE147,
        )
        for method, name in (
            ("SGD", "SGD's"), ("momentum", "momentum's"), ("Nesterov", "Nesterov's"), ("AdaGrad", "AdaGrad's"),
            ("RMSProp", "RMSProp's"),
        )
    ),
    lab.Greater(
        "doubly_wider_than_sgd", "the same within a factor of two of the lowest loss, against SGD",
        lambda r: wider(r, "SGD", within=2.0), source=EE147,
    ),
    lab.Greater(
        "widest_of_all", "within a factor of two Adam's good rates span more decades than any other optimizer's",
        lambda r: wider(r, *trials.METHODS[:-1], within=2.0), source=EE147,
    ),
    lab.Greater(
        "widest_near_the_lowest_of_all", "the same, within a factor of two of the lowest loss of all six optimizers",
        lambda r: wider(r, *trials.METHODS[:-1], within=2.0, among=ALL), source=EE147,
    ),
    lab.Less(
        "forgives_more_than_sgd", "the three networks: a rate ten times too large costs Adam less than SGD (log₁₀)",
        lambda r: too_fast(r, "Adam") - too_fast(r, "SGD"), source=EE147,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(10)
    draw_scale(r, axes[:3])
    for i, task in enumerate((*NOTHING, "Rosenbrock")):
        lab.figures.seeds(axes[3 + i], 10 ** last(r, task), x="log10_rate", hue="optimizer", log="y", legend=i % 2 == 1)
        axes[3 + i].axvline(-3, color="black", linestyle=":", linewidth=1)
        unit = {"autoencoder": "squared error of a pixel", "Rosenbrock": "f, at most 100"}
        axes[3 + i].set(title=f"{task[0].upper()}{task[1:]}: which rates are good (dotted: Adam's default)")
        axes[3 + i].set(xlabel="log₁₀ of the learning rate", ylabel=unit.get(task, "cross-entropy, nats"))
    for ax, among, words in ((axes[7], "log10_rate", "its own best"), (axes[8], ALL, "the best of all six")):
        found = xr.concat([width(r, task, 2.0, among) for task in NOTHING], "task").assign_coords(task=list(NOTHING))
        lab.figures.dots(ax, found, x="optimizer", hue="task")
        ax.set(title=f"Is Adam robust? Rates within a factor of two of {words}", xlabel="", ylabel="decades of rates")
    costs = xr.concat([regret(r, task) for task in (*NOTHING, "Rosenbrock")], "task")
    lab.figures.dots(axes[9], costs.assign_coords(task=[*NOTHING, "Rosenbrock"]), x="task")
    axes[9].axhline(TENTH, color="black", linestyle=":", linewidth=1)
    axes[9].set(
        title="What Adam's default rate costs (dotted: a tenth)", xlabel="", ylabel="log₁₀ of loss / tuned loss"
    )
    for ax in axes[7:]:
        ax.tick_params(axis="x", labelrotation=20)
    return figure


def draw_scale(r, axes):
    """Final loss against rate for scaled losses; what ε does."""
    names = {-20: "loss × 2^−20", -10: "loss × 2^−10", 0: "loss", 10: "loss × 2^10"}
    for ax, method, title in (
        (axes[0], "SGD", "SGD: the good rates move with the loss's scale"),
        (axes[1], "Adam", "Adam, ε = 1e-8: they stay"),
    ):
        loss = scaled(r, method, "usual")
        loss = loss.where(np.isfinite(loss), np.log(10)).clip(max=np.log(10)).isel(step=slice(-15, None)).mean("step")
        lab.figures.seeds(ax, loss, x="log2_rate", hue="log2_scale", labels=names)
        ax.set(title=title, xlabel="log₂ of the learning rate", ylabel="nats, at most log 10")
    cases = {
        "RMSProp, no ε": ("RMSProp", "absent"), "RMSProp, ε after the root": ("RMSProp", "usual"),
        "RMSProp, ε in the root": ("RMSProp, ε in the root", "usual"), "Adam, ε after the root": ("Adam", "usual"),
    }  # fmt: skip
    found = [xr.concat([deviation(r, *case, k) for k in (-20, -10, 10)], "scale") for case in cases.values()]
    found = xr.concat(found, "case").assign_coords(case=list(cases), scale=["2^−20", "2^−10", "2^10"]).clip(1e-8)
    lab.figures.dots(axes[2], found, x="scale", hue="case", log="y")
    axes[2].set(title="How far ε = 1e-8 leads off the path of the unscaled loss", xlabel="loss multiplied by")
    axes[2].set(ylabel="largest relative difference, at least 1e-8")


RATES = tuple(float(rate) for rate in np.arange(-4.0, 2.1, 0.25))
BY_OPTIMIZER = {"loss": ("optimizer",), "length": ("optimizer",)}

EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "scaled": lab.Study(
            trials.scaled,
            {"log2_scale": (-20, -10, 0, 10), "log2_rate": tuple(range(-14, 25, 2)),
             "epsilon": {"absent": 0.0, "usual": 1e-8}, "batch": 32, "steps": 60, "dataset": "digits"},
            data=images.load,
            dims={"loss": ("optimizer",)},
        ),
        "network": lab.Study(
            trials.network,
            {"log10_rate": RATES, "task": tuple(NOTHING), "width": 24, "batch": 32, "steps": 300, "every": 60,
             "dataset": "digits"},
            data=images.load,
            dims=BY_OPTIMIZER,
        ),
        "valley": lab.Study(
            trials.valley, {"log10_rate": RATES, "spread": 0.5, "steps": 1000, "every": 100},
            dims=BY_OPTIMIZER | {"value": ("optimizer",)},
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "scaled.log2_rate": (-20, -10, -8, -6, -4, 0, 10, 20), "scaled.steps": 10,
            "log10_rate": (-4.0, -3.0, -2.0, -1.0, 0.0), "network.width": 8, "network.steps": 20, "network.every": 10,
            "valley.steps": 50, "valley.every": 10,
        },
        "full": {
            "seeds": 32, "dataset": "fashion_mnist", "network.width": 256, "network.batch": 128,
            "network.steps": 20_000, "network.every": 1000, "valley.steps": 100_000, "valley.every": 1000,
        },
    },
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
