"""Over how many values does an exponentially weighted average with decay β average: 1/(1 − β), or twice as many?

Sources: formulas 2.4.2; cs182 4.6.3; Polyak & Juditsky 1992; Izmailov et al. 2018 (arXiv 1803.05407).
The average is Vₜ = βVₜ₋₁ + (1 − β)xₜ, V₀ = 0. The value n steps back has the weight (1 − β)βⁿ. Corrected for its bias
it is Vₜ/(1 − βᵗ); the sheet prints Vₜ/(1 − β).

"Over how many" has more than one meaning: after how many values the weight has fallen to 1/e; how old the values are on
average, the newest being one step old; and the mean of how many independent values is as noisy. The last is found from
many simulated series of noise, independent or correlated from each value to the next, as the steps of training are.

Then averages of the *parameters* of a network: two hidden ReLU layers of 32 units on the digits, batches of 8 and a
constant learning rate, so that the last parameters are noisy; more so where a fifth of the training labels is replaced
by random ones. "Rate falls to 0": the same run, but from its half on the rate falls in a line, without averaging.
Losses are cross-entropies in nats over the whole training or test set (training loss on the labels as given), of which
the predictions take the logarithm and the geometric mean over the last tenth of the run; "noise" is the standard
deviation of the logarithm of the training loss over the last quarter, from one record to the next.

After a first standard run the lag of the slowest average was read one record earlier, at the twentieth it speaks of.
"""

import averaging_trials as trials
import numpy as np
import xarray as xr

from dlnotes import lab
from dlnotes.data import images

RATES = (-1.5, -1.0, -0.5)


def off(value, target):
    """The largest |value − target| over β."""
    return abs(value - target).max("decay")


def independent(r, correlation=0.0):
    """n for each β: in the long run the average is as noisy as the mean of n independent values."""
    variance = r.noisy.corrected.sel(correlation=correlation, drop=True).isel(deviation=1, drop=True)
    return 1 / variance.isel(t=slice(-(variance.sizes["t"] // 3), None)).mean("t")


def many(decay, correlation=0.0):
    """n = 1/Var(V) = (1 + β)/(1 − β) · (1 − βρ)/(1 + βρ)."""
    return (1 + decay) / (1 - decay) * (1 - decay * correlation) / (1 + decay * correlation)


def over_many(r, correlation):
    """log₂ of the number found over the law's, the mean over β."""
    found = independent(r, correlation)
    return np.log2(found / many(found.decay, correlation)).mean("decay")


def over_window(r, correlation):
    """log₂ of the number found over 1/(1 − β), the mean over β = 0.9 and 0.98."""
    found = independent(r, correlation).sel(decay=[0.9, 0.98])
    return np.log2(found * (1 - found.decay)).mean("decay")


def worth(r, deviation):
    """log₂ of the error with correction over that without, over the first 1/(1 − β) steps; the mean over two β."""

    def one(decay):
        early = r.noisy.sel(decay=decay, correlation=0.0, drop=True).isel(t=slice(round(1 / (1 - decay))))
        error = early.isel(deviation=trials.DEVIATIONS.index(deviation), drop=True).mean("t")
        return np.log2(error.corrected / error.uncorrected)

    return xr.concat([one(0.9), one(0.98)], "decay").mean("decay")


def network(r, measure):
    return r.network[measure].assign_coords(arm=list(trials.ARMS))


def late(r, measure, rate=RATES[-1]):
    """log₁₀ of a loss over the last tenth of the run, by arm; at the largest rate, the mean over both label sets."""
    values = np.log10(network(r, measure).sel(log10_rate=rate, drop=True))
    return values.isel(step=slice(-max(values.sizes["step"] // 10, 1), None)).mean("step")


def noise(r, rate=RATES[-1]):
    """log₁₀ of the deviation, from record to record, of log₁₀ of the training loss in the last quarter of the run."""
    values = np.log10(network(r, "training_loss").sel(log10_rate=rate, drop=True))
    last = values.isel(step=slice(-max(values.sizes["step"] // 4, 3), None))
    return np.log10(last.diff("step").std("step").clip(1e-12))


def between(values, arm, other="last"):
    """Of one arm over another, the mean over both label sets."""
    return (values.sel(arm=arm, drop=True) - values.sel(arm=other, drop=True)).mean("mislabelled", skipna=False)


def lag(r):
    """log₁₀ of the loss of the slowest average over that of the last parameters, after a twentieth of the run."""
    values = np.log10(network(r, "training_loss").sel(log10_rate=RATES[-1], drop=True))
    return between(values.isel(step=max(values.sizes["step"] // 20, 1) - 1, drop=True), "β = 0.999")


def gain(r, mislabelled):
    loss = late(r, "test_loss").sel(mislabelled=mislabelled, drop=True)
    return loss.sel(arm="last", drop=True) - loss.sel(arm="β = 0.99", drop=True)


SHEET, CS182 = "formulas 2.4.2", "cs182 4.6.3"
IZMAILOV, POLYAK = "Izmailov et al. 2018", "Polyak & Juditsky 1992"
THEORY = "theory: the sum of the squared weights"
TENTH = float(np.log10(1.1))

# Tolerances. 0.349, 0.366 and 0.368 are 1/e = 0.368 to 0.02. In float32 0.999 is off by 2e-5 of its distance to 1, and
# the sum of the weights beyond the last step is smaller still: 1e-3 is wide. A simulated variance is off by 5 %
# in a seed where averages are slowest, 2 % in the mean of 16: 0.1 in log₂ is 7 %. Half a power of 2 is "about".
# Losses: a tenth.
PREDICTIONS = (
    lab.Equivalent(
        "one_over_e", "1/(1−β) steps back the weight has fallen to 1/e (β = 0.9, 0.99, 0.999; largest difference)",
        lambda r: off(r.responses.after, np.exp(-1)), source=SHEET, within=0.02,
    ),
    lab.Equivalent(
        "exact_weights", "it is β^(1/(1−β)): 0.349, 0.366 and 0.368 (largest difference)",
        lambda r: off(r.responses.after, r.responses.decay ** (1 / (1 - r.responses.decay))),
        source="theory: β^n", within=1e-3,
    ),
    lab.Equivalent(
        "mean_age", "the values are 1/(1−β) steps old on average, the newest being 1 old (relative, largest)",
        lambda r: off(r.responses.age * (1 - r.responses.decay), 1.0), source=SHEET, within=1e-3,
    ),
    lab.Equivalent(
        "noise_of_the_window", "noise: as of a mean of 1/(1−β) values, to a factor √2 (log₂)",
        lambda r: over_window(r, 0.0), source=SHEET, within=0.5,
    ),
    lab.Equivalent(
        "noise_of_twice_the_window", "noise: as of a mean of (1+β)/(1−β) independent values, 19 for 0.9 (log₂)",
        lambda r: over_many(r, 0.0), source=THEORY, within=0.1,
    ),
    lab.Equivalent(
        "noise_of_correlated_values", "values correlated by ρ = 0.9: times (1−βρ)/(1+βρ), 2 for β = 0.9 (log₂)",
        lambda r: over_many(r, 0.9), source=THEORY, within=0.1,
    ),
    lab.Less(
        "correlated_values_need_longer", "ρ = 0.9: the average is worth less than half of 1/(1−β) values (log₂)",
        lambda r: over_window(r, 0.9), source=THEORY, margin=1.0,
    ),
    lab.Equivalent(
        "uncorrected_start", "uncorrected, the average of ones is 1 − βᵗ at every t (largest difference)",
        lambda r: r.responses.uncorrected_error.max("decay"), source=SHEET, within=1e-4,
    ),
    lab.Equivalent(
        "corrected_start", "corrected by 1 − βᵗ it is 1 from the first step on (largest difference)",
        lambda r: r.responses.corrected_error.max("decay"), source=SHEET, within=1e-4,
    ),
    lab.Less(
        "correction_pays", "noise as large as the mean: correction lowers the squared error at the start (log₂)",
        lambda r: worth(r, 1.0), source=SHEET,
    ),
    lab.Greater(
        "correction_costs", "noise three times the mean: correction raises the squared error at the start (log₂)",
        lambda r: worth(r, 3.0), source="theory: an average shrunk to 0 varies less",
    ),
    lab.Less(
        "parameters_less_noisy", "network: half the noise or less in the loss of the average, β = 0.99 (log₁₀)",
        lambda r: between(noise(r), "β = 0.99"), source=POLYAK, margin=float(np.log10(2)),
    ),
    lab.Less(
        "longer_is_smoother", "network: less noise with β = 0.999 than with 0.9 (log₁₀)",
        lambda r: between(noise(r), "β = 0.999", "β = 0.9"), source=SHEET,
    ),
    lab.Less(
        "parameters_fit_better", "network: a training loss lower by a tenth or more with the average, β = 0.99 (log₁₀)",
        lambda r: between(late(r, "training_loss"), "β = 0.99"), source=POLYAK, margin=TENTH,
    ),
    lab.Less(
        "parameters_generalize", "network: a lower test loss with the average, β = 0.99 (log₁₀)",
        lambda r: between(late(r, "test_loss"), "β = 0.99"), source=f"{CS182}; {IZMAILOV}",
    ),
    lab.Greater(
        "more_where_noisier", "network: a fifth of the labels wrong: the average lowers the test loss by more (log₁₀)",
        lambda r: gain(r, 0.2) - gain(r, 0.0), source="theory: gradients stay noisy",
    ),
    lab.Equivalent(
        "as_a_falling_rate", "network: the mean over the second half ends as low as a rate that falls to 0 (log₁₀)",
        lambda r: between(late(r, "training_loss"), "mean of the second half", "rate falls to 0"),
        source=IZMAILOV, within=TENTH,
    ),
    lab.Greater(
        "a_long_average_lags", "network: early on, the average with β = 0.999 is behind the last parameters (log₁₀)",
        lag, source="theory: its values are old",
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(8)
    draw_windows(r, axes[:4])
    loss = network(r, "training_loss").sel(log10_rate=RATES[-1], mislabelled=0.2, drop=True)
    lab.figures.seeds(axes[4], loss, x="step", hue="arm", log="y")
    axes[4].set(title="A fifth of the labels wrong: averages of parameters, training loss", ylabel="nats")
    for ax, share, words in ((axes[5], 0.0, "All labels right"), (axes[6], 0.2, "A fifth of the labels wrong")):
        ends = 10 ** xr.concat([late(r, "test_loss", rate) for rate in RATES], "rate").sel(mislabelled=share, drop=True)
        ends = ends.assign_coords(rate=[f"{10**rate:.2g}" for rate in RATES])
        lab.figures.dots(ax, ends, x="rate", hue="arm", log="y")
        ax.set(title=f"{words}: test loss at the end", xlabel="learning rate", ylabel="nats")
    lab.figures.dots(axes[7], 10 ** noise(r).mean("mislabelled"), x="arm", log="y")
    axes[7].set(title="How noisy the training loss still is in the last quarter", xlabel="")
    axes[7].set(ylabel="deviation of log₁₀ loss, record to record")
    return figure


def draw_windows(r, axes):
    """Weights and two windows; how many values; the start, and its error."""
    first = r.responses.sel(decay=0.9, drop=True).isel(seed=0)
    back = np.arange(first.sizes["t"])[:40]
    axes[0].plot(back, first.weight.values[:40], ".-", color=lab.figures.PALETTE[0], label="weights, β = 0.9")
    for n, color, dash in ((10, lab.figures.PALETTE[1], "--"), (19, lab.figures.PALETTE[2], "-")):
        axes[0].plot([-0.5, n - 0.5, n - 0.5], [1 / n, 1 / n, 0], dash, color=color, label=f"mean of {n} values")
    axes[0].legend(frameon=False, fontsize=9)
    axes[0].set(title="As noisy as a mean of 19 values, not of 10", xlabel="steps back", ylabel="weight")
    found = xr.concat([independent(r, rho) * (1 - r.noisy.decay) for rho in r.noisy.correlation.values], "ρ")
    found = found.assign_coords(ρ=r.noisy.correlation.values).transpose("decay", ...)
    lab.figures.dots(axes[1], found, x="decay", hue="ρ", log="y")
    for rho in found["ρ"].values:
        law = many(found.decay.values, rho) * (1 - found.decay.values)
        axes[1].plot(np.arange(len(law)), law, "_", color="black", markersize=40, markeredgewidth=0.8, zorder=5)
    axes[1].axhline(1, color="black", linestyle=":", linewidth=1)
    axes[1].set(title="The average is as noisy as a mean of n values (dotted: 1/(1−β); lines: exact)", xlabel="β")
    axes[1].set(ylabel="n · (1 − β)")
    t = np.arange(1, 41)
    uncorrected, corrected = first.uncorrected.values[:40], first.corrected.values[:40]
    rows = {"uncorrected": uncorrected, "divided by 1 − βᵗ": corrected, "by 1 − β, as printed": uncorrected / 0.1}
    for (name, values), color in zip(rows.items(), lab.figures.PALETTE, strict=False):
        axes[2].plot(t, values, color=color, label=name)
    axes[2].set_yscale("log")
    axes[2].legend(frameon=False, fontsize=9)
    axes[2].set(title="The average of ones, β = 0.9: what each correction does", xlabel="step t", ylabel="average")
    error = r.noisy.sel(decay=0.9, correlation=0.0, drop=True).isel(t=slice(40))
    rows = {f"{word}, noise {s:g}": error[word].isel(deviation=trials.DEVIATIONS.index(s), drop=True)
            for s in (1.0, 3.0) for word in ("corrected", "uncorrected")}  # fmt: skip
    together = xr.concat(rows.values(), "average").assign_coords(average=list(rows), t=t)
    lab.figures.seeds(axes[3], together, x="t", hue="average", log="y")
    axes[3].set(title="Noise and bias together, mean 1: correction pays unless noise is large", xlabel="step t")
    axes[3].set(ylabel="mean squared error")


BY_T, BY_ARM = dict.fromkeys(("weight", "uncorrected", "corrected"), ("t",)), ("arm",)

EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "responses": lab.Study(
            trials.responses, {"decay": (0.9, 0.99, 0.999), "steps": 12_000, "shown": 60}, dims=BY_T
        ),
        "noisy": lab.Study(
            trials.noisy,
            {"decay": (0.5, 0.9, 0.98), "correlation": (0.0, 0.5, 0.9), "series": 256, "steps": 600},
            dims={"corrected": ("t", "deviation"), "uncorrected": ("t", "deviation")},
        ),
        "network": lab.Study(
            trials.network,
            {"log10_rate": RATES, "mislabelled": (0.0, 0.2), "width": 32, "batch": 8, "steps": 2000, "every": 25,
             "dataset": "digits"},
            data=images.load,
            dims=dict.fromkeys(("training_loss", "test_loss", "test_error"), BY_ARM),
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "series": 32, "noisy.steps": 150, "width": 8, "network.steps": 120,
            "every": 4,
        },
        "full": {
            "seeds": 64, "series": 4096, "noisy.steps": 2000, "dataset": "fashion_mnist", "width": 256,
            "network.steps": 50_000, "every": 250,
        },
    },
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
