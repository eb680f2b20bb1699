"""Can one shuffle, made in advance, replace drawing every batch at random?

Sources: cs182 3.4.3; ee147 Normalization; HaoChen & Sra 2019 (arXiv 1806.10077); Safran & Shamir 2020 (arXiv
1908.00045). Batches are drawn with replacement; or taken one after another from one shuffle, the same in every epoch;
or from a new shuffle for every epoch; or from examples that are stored in an order and never shuffled: by class, or
along their first principal component, so that neighbours are alike and every batch has inputs of another distribution
(ee147's covariate shift). The shuffles of the first two kinds are of that same sorted set. All ways are data of one
program.

Least squares: 64 examples of 4 features, one at a time, so that the exact minimum and all curvatures are known;
"excess" is the loss above that minimum at an epoch's end. With falling rates 2/(μ(t + t₀)) the slope of log excess over
log epochs is fitted from epoch 16 on; with constant rates, from a start at the minimum, the excess that stays is the
mean over the second half, and its slope is that over the rate.

Softmax regression on 1408 digits, penalty 0.1, batches of 32, falling rates: the squared distance of the weights to the
minimum (by SciPy), after 60 epochs. A network with two layers of 32 ReLUs on them, constant rates: the training loss
(nats, whole set) after each of 20 epochs, and the test error. A loss that is not finite or above log 10, that of
knowing nothing, counts as that. Each way is shown at its own best rate: the lowest mean over seeds of the measure in
question.

After a first standard run, of 16 seeds, the noise of single runs left six predictions open. Since then there are 32
seeds, least squares is averaged over 8 orders for each problem, the end of training is the last quarter of its epochs
and no longer the last alone, and the grid has two smaller rates, as the smallest had been the sorted batches' best. The
predictions are as they were.
"""

import numpy as np
import shuffling_trials as trials
import xarray as xr

from dlnotes import lab

CONSTANTS = (0.0125, 0.025, 0.05, 0.1)
WAYS = trials.WAYS | trials.SORTED


def order(r, way):
    """The power of the number of epochs with which the excess falls."""
    excess = r.least_squares.excess.sel(way=way, rate="falling", drop=True)
    last = excess.assign_coords(epoch=1 + excess.epoch).isel(epoch=slice(excess.sizes["epoch"] // 16, None))
    return lab.exponent(last, last.epoch)


def floor(r, way):
    """The excess that stays at each constant rate."""
    excess = r.least_squares.excess.sel(way=way, drop=True)
    excess = xr.concat([excess.sel(rate=f"{c:g}", drop=True) for c in CONSTANTS], "rate")
    excess = excess.assign_coords(rate=list(CONSTANTS))
    return excess.isel(epoch=slice(excess.sizes["epoch"] // 2, None)).mean("epoch", skipna=False)


def floor_order(r, way):
    """The power of the rate that the excess that stays is proportional to."""
    stays = floor(r, way)
    return lab.exponent(stays, stays.rate)


def distance(r, way):
    """log₁₀ of the squared distance to softmax regression's minimum at the end."""
    return np.log10(r.convex.distance.sel(way=way, drop=True).isel(step=-1, drop=True))


def training(r, way):
    """log₁₀ of the network's training loss, for each rate and epoch."""
    loss = r.network.training_loss.sel(way=way, drop=True)
    return np.log10(loss.where(np.isfinite(loss), np.log(10)).clip(max=np.log(10)))


def best(values):
    """At the rate with the lowest mean over seeds."""
    return lab.at_best(values, values, "log10_rate")


def throughout(r, way):
    """log₁₀ of the training loss, the mean over all epochs."""
    return best(training(r, way).mean("step"))


def ending(values):
    """The mean over the last quarter of the epochs."""
    return values.isel(step=slice(-max(values.sizes["step"] // 4, 1), None)).mean("step", skipna=False)


def at_end(r, way):
    return best(ending(training(r, way)))


def test_error(r, way):
    """At the rate with the lowest training loss at the end."""
    errors = r.network.test_error.sel(way=way, drop=True)
    return ending(lab.at_best(errors, ending(training(r, way)), "log10_rate"))


CS182, EE147 = "cs182 3.4.3", "ee147 Normalization"
HAOCHEN, SAFRAN = "HaoChen & Sra 2019", "Safran & Shamir 2020"
TENTH, TWICE = float(np.log10(1.1)), float(np.log10(2))

# Tolerances. Exponents: fits over less than two decades, where the next term of the law still bends the line, are good
# to a few tenths; the three laws lie a whole power apart. Losses: a tenth, about a step between two rates' losses.
# Test errors: half a point is two of 360 digits.
PREDICTIONS = (
    lab.Equivalent(
        "order_with_replacement", "least squares, falling rates: excess ∝ 1/epochs with replacement (slope)",
        lambda r: order(r, "with replacement"), source=HAOCHEN, target=-1.0, within=0.2,
    ),
    lab.Equivalent(
        "order_one_shuffle", "one shuffle: excess ∝ 1/epochs² (slope)",
        lambda r: order(r, "one shuffle"), source=SAFRAN, target=-2.0, within=0.3,
    ),
    lab.Less(
        "order_reshuffled", "reshuffled: excess falls as 1/epochs² or faster (slope above −2, negative)",
        lambda r: order(r, "reshuffled") + 2.0, source=HAOCHEN,
    ),
    lab.Equivalent(
        "cubic_at_first", "reshuffled: as 1/epochs³ while there are fewer epochs than examples squared (slope)",
        lambda r: order(r, "reshuffled"), source=HAOCHEN, target=-3.0, within=0.3,
    ),
    lab.Equivalent(
        "floor_with_replacement", "constant rate α, with replacement: the excess that stays is ∝ α (slope)",
        lambda r: floor_order(r, "with replacement"), source="theory: noise of variance α²", target=1.0, within=0.2,
    ),
    lab.Equivalent(
        "floor_one_shuffle", "one shuffle: ∝ α² (slope)",
        lambda r: floor_order(r, "one shuffle"), source=SAFRAN, target=2.0, within=0.3,
    ),
    lab.Equivalent(
        "floor_reshuffled", "reshuffled: ∝ α³ (slope)",
        lambda r: floor_order(r, "reshuffled"), source=HAOCHEN, target=3.0, within=0.3,
    ),
    lab.Less(
        "convex_one_shuffle", "softmax regression: one shuffle ends at half the squared distance or less (log₁₀)",
        lambda r: distance(r, "one shuffle") - distance(r, "with replacement"), source=SAFRAN, margin=TWICE,
    ),
    lab.Less(
        "convex_reshuffled", "softmax regression: reshuffled ends nearer than one shuffle (log₁₀ of squared distances)",
        lambda r: distance(r, "reshuffled") - distance(r, "one shuffle"), source=SAFRAN,
    ),
    lab.Equivalent(
        "network_one_shuffle", "network: one shuffle trains as well as sampling, all epochs (training loss, log₁₀)",
        lambda r: throughout(r, "one shuffle") - throughout(r, "with replacement"), source=CS182, within=TENTH,
    ),
    lab.Equivalent(
        "network_one_shuffle_error", "network: one shuffle ends at the test error of sampling (share)",
        lambda r: test_error(r, "one shuffle") - test_error(r, "with replacement"), source=CS182, within=0.005,
    ),
    lab.Equivalent(
        "network_reshuffled", "network: reshuffling adds nothing to one shuffle, at the end (training loss, log₁₀)",
        lambda r: at_end(r, "reshuffled") - at_end(r, "one shuffle"), source=CS182, within=TENTH,
    ),
    lab.Less(
        "network_without_replacement", "network: reshuffled ends at a lower training loss than sampling (log₁₀)",
        lambda r: at_end(r, "reshuffled") - at_end(r, "with replacement"), source=HAOCHEN,
    ),
    lab.Greater(
        "slow_by_class", "network: batches sorted by class train slowly: twice the training loss or more (log₁₀)",
        lambda r: throughout(r, "sorted by class") - throughout(r, "one shuffle"), source=EE147, margin=TWICE,
    ),
    lab.Greater(
        "slow_by_component", "network: sorted along the first component, twice the training loss or more (log₁₀)",
        lambda r: throughout(r, "sorted by component") - throughout(r, "one shuffle"), source=EE147, margin=TWICE,
    ),
    lab.Greater(
        "convex_by_class", "softmax regression: sorted by class, twice the squared distance or more (log₁₀)",
        lambda r: distance(r, "sorted by class") - distance(r, "one shuffle"), source=EE147, margin=TWICE,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(6)
    excess = r.least_squares.excess.sel(rate="falling", drop=True)
    excess = excess.assign_coords(epoch=1 + excess.epoch)
    lab.figures.seeds(axes[0], excess, x="epoch", hue="way", log="xy")
    late = excess.epoch.values[excess.sizes["epoch"] // 8 :]
    for power, way in ((1, "with replacement"), (2, "one shuffle"), (3, "reshuffled")):
        start = float(np.exp(np.log(excess.sel(way=way).isel(epoch=-late.size)).mean()))
        axes[0].plot(late, start * (late / late[0]) ** -power, color="black", linestyle=":", linewidth=1, zorder=5)
    axes[0].set(title="Least squares, falling rates: one epoch after another (dotted: 1/t, 1/t², 1/t³)")
    axes[0].set(ylabel="loss above the minimum")
    stays = xr.concat([floor(r, way) for way in excess.way.values], "way").assign_coords(way=excess.way.values)
    lab.figures.seeds(axes[1], stays, x="rate", hue="way", log="xy")
    axes[1].set(title="Least squares, constant rates: what stays falls as α, α², α³", xlabel="rate α, in units of 1/L")
    axes[1].set(ylabel="loss above the minimum")
    lab.figures.seeds(axes[2], r.convex.distance.rename(step="epoch"), x="epoch", hue="way", log="xy")
    axes[2].set(title="Softmax regression: distance to the exact minimum", ylabel="squared distance")
    losses = [training(r, way) for way in WAYS]
    curves = [lab.at_best(loss, loss.mean("step"), "log10_rate") for loss in losses]
    curves = 10 ** xr.concat(curves, "way").assign_coords(way=list(WAYS))
    lab.figures.seeds(axes[3], curves.rename(step="epoch"), x="epoch", hue="way", log="y")
    axes[3].set(title="Network, each way at its best rate: sorted batches do worse")
    axes[3].set(ylabel="training loss, nats")
    every = 10 ** xr.concat([training(r, way).mean("step") for way in WAYS], "way").assign_coords(way=list(WAYS))
    lab.figures.seeds(axes[4], every, x="log10_rate", hue="way", log="y")
    axes[4].set(title="Network: all rates, mean over epochs", xlabel="log₁₀ of the learning rate", ylabel="nats")
    errors = xr.concat([test_error(r, way) for way in WAYS], "way").assign_coords(way=list(WAYS))
    lab.figures.dots(axes[5], 100 * errors, x="way")
    axes[5].set(title="Network: test error in the last quarter of the epochs", xlabel="", ylabel="% of 360 digits")
    return figure


RATES = {"falling": trials.Rate(decay=2.0)} | {f"{c:g}": trials.Rate(constant=c) for c in CONSTANTS}

EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "least_squares": lab.Study(
            trials.least_squares,
            {"way": trials.WAYS, "rate": RATES, "examples": 64, "features": 4, "orders": 8, "epochs": 256},
            dims={"excess": ("epoch",)},
        ),
        "convex": lab.Study(
            trials.convex,
            {"way": WAYS, "rate": trials.Rate(decay=2.0), "penalty": 0.1, "examples": 1408, "batch": 32, "epochs": 60,
             "dataset": "digits"},
            data=trials.digits,
        ),
        "network": lab.Study(
            trials.network,
            {"way": WAYS, "log10_rate": (-2.5, -2.0, -1.5, -1.0, -0.5, 0.0), "penalty": 0.1, "examples": 1408,
             "width": 32, "batch": 32, "epochs": 20, "dataset": "digits"},
            data=trials.digits,
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "standard": {"seeds": 32},
        "quick": {
            "seeds": 4, "orders": 2, "least_squares.epochs": 48, "convex.examples": 320, "network.examples": 320,
            "convex.epochs": 6, "width": 8, "network.epochs": 3,
        },
        "full": {
            "seeds": 64, "least_squares.epochs": 1024, "least_squares.features": 16, "dataset": "fashion_mnist",
            "convex.examples": 51_200, "network.examples": 51_200, "width": 256, "network.epochs": 40,
        },
    },
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
