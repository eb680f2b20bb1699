"""What does a gradient cost by backpropagation, and what does it cost without it?

Sources: ee147 Gradient Descent (a numerical gradient of millions of parameters is extremely slow); ee147
Backpropagation (inexpensive, as repeated computations are shared; it needs the activations of the forward pass);
Griewank & Walther, Evaluating Derivatives, 2nd edition, section 4.6: never more than five times the function.

Times are of the gradient over that of the loss alone, in the same round of measurements; all losses are means over a
batch. Three families: ReLU networks on digits whose four layers get wider, from 43,000 to 2.2 million parameters, batch
256; small ones of 330 to 3,500 parameters, batch 512, also differentiated numerically, by one-sided differences: n + 1
losses, one after the other; and chains of 8 to 64 equal tanh layers of width 64, batch 256, also differentiated by
backpropagation that stores no activation and computes each again from the input. Memory is what XLA says that the
program takes.

In the first standard runs, on a machine busy with other work, most verdicts on times were inconclusive, and some
settings measured something else. Differences were taken eight at a time for a batch of 32, then one at a time for 128:
what it takes to change an input of the loss was not small beside it (exponents 1.7, then 1.3). Widths
began at 64 and depths at 4, where a loss is over in 0.1 ms; four or eight were timed at once. The largest ratio was
that of each round's slowest width, which noise makes larger; now it is that of the slowest width. No margin was
changed.
"""

import backprop_trials as trials
import numpy as np
import xarray as xr

from dlnotes import lab


def seconds(study, what):
    """Seconds of one computation; all but differences are timed `times` at once."""
    return study.seconds.sel(what=what, drop=True) / (1 if what == "differences" else study.attrs["times"])


def slower(study, what, than="loss"):
    """log₁₀ of how many times more seconds one computation takes than another, in the same round."""
    return np.log10(seconds(study, what) / seconds(study, than))


def largest(ratio):
    """The ratio at the width where it is largest on average."""
    return ratio.isel(width=int(ratio.mean("repeat").argmax("width")), drop=True)


def exponent(array, over):
    """p in 10^array ∝ overᵖ, by least squares."""
    return lab.slope(array, np.log10(over))


def parameters(study):
    """Numbers of parameters, by width."""
    return study.parameters.isel(what=0, drop=True).astype(float)


def bytes_(r, what):
    """XLA's count for a chain, the same in every round."""
    return np.log10(r.chain.bytes.sel(what=what, drop=True)) + 0 * r.chain.seconds.isel(what=0, drop=True)


EE147, BACKPROP = "ee147 Gradient Descent", "ee147 Backpropagation"
GRIEWANK = "Griewank & Walther, section 4.6"

# Tolerances. Flat: over the range of widths (a factor of 50 in n) the ratio may change by a factor of 1.5 (0.1 in the
# exponent). Numerical: nearer to n than to √n or to n^1.5. About three: two matrix products for each one of the loss,
# but for the first layer, between 2 and 4.5. Chains of 8 to 64: nearer to this exponent than to the next half. The same
# gradient: a hundred roundings of float32; differences in it keep half the digits of a loss about as large.
PREDICTIONS = (
    lab.Less(
        "at_most_five", "at every width a gradient takes less than five times its loss (log₁₀ of largest ratio over 5)",
        lambda r: largest(slower(r.wide, "backpropagation")) - np.log10(5), source=GRIEWANK,
    ),
    lab.Equivalent(
        "about_three", "a gradient takes about three times its loss (log₁₀, mean over widths)",
        lambda r: slower(r.wide, "backpropagation").mean("width"), source=GRIEWANK, target=float(np.log10(3)),
        within=float(np.log10(1.5)),
    ),
    lab.Equivalent(
        "flat_in_n", "how many times its loss it takes does not depend on the number of parameters (exponent)",
        lambda r: exponent(slower(r.wide, "backpropagation"), parameters(r.wide)), source=BACKPROP, within=0.1,
    ),
    lab.Equivalent(
        "differences_like_n", "by differences it takes like n times the loss (exponent)",
        lambda r: exponent(slower(r.small, "differences"), parameters(r.small)), source=EE147, target=1, within=0.25,
    ),
    lab.Greater(
        "differences_slow", "with 3,500 parameters differences take over 100 times backpropagation's seconds (log₁₀)",
        lambda r: slower(r.small, "differences", "backpropagation").isel(width=-1, drop=True), source=EE147, margin=2,
    ),
    lab.Equivalent(
        "flat_in_depth", "in deeper chains a gradient takes hardly more times its loss (exponent of the depth, to ¼)",
        lambda r: exponent(slower(r.chain, "backpropagation"), r.chain.depth.astype(float)), source=BACKPROP,
        within=0.25,
    ),
    lab.Equivalent(
        "storing_saves_a_depth", "without stored activations it takes like L times the loss (exponent of the depth)",
        lambda r: exponent(slower(r.chain, "recomputing"), r.chain.depth.astype(float)), source=BACKPROP, target=1,
        within=0.25,
    ),
    lab.Greater(
        "storing_is_faster", "at 64 layers that is over three times backpropagation's seconds (log₁₀)",
        lambda r: slower(r.chain, "recomputing", "backpropagation").isel(depth=-1, drop=True), source=BACKPROP,
        margin=float(np.log10(3)),
    ),
    lab.Greater(
        "storing_takes_memory", "at 64 layers backpropagation takes over twice the memory of its loss (log₁₀ of bytes)",
        lambda r: (bytes_(r, "backpropagation") - bytes_(r, "loss")).isel(depth=-1, drop=True), source=BACKPROP,
        margin=float(np.log10(2)),
    ),
    lab.Equivalent(
        "same_gradient", "all three ways give one gradient: recomputing to rounding (relative distance)",
        lambda r: r.alike.recomputing, source="chain rule", within=1e-5,
    ),
    lab.Equivalent(
        "differences_roughly", "and differences in float32 to one part in a hundred (relative distance)",
        lambda r: r.alike.differences, source="formulas 2.3.3", within=0.01,
    ),
    lab.Less(
        "forgetting_saves_memory", "computing activations again takes less memory than storing them (log₁₀, 64 layers)",
        lambda r: (bytes_(r, "recomputing") - bytes_(r, "backpropagation")).isel(depth=-1, drop=True), source=BACKPROP,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(4)
    thousands = np.round(parameters(r.wide).values / 1000).astype(int)
    ratio = (10 ** slower(r.wide, "backpropagation")).assign_coords(width=thousands)
    lab.figures.dots(axes[0], ratio.rename(width="n"), x="n")
    axes[0].axhline(3, color="black", linewidth=0.8, linestyle=":")
    axes[0].axhline(5, color="black", linewidth=0.8)
    title = "A gradient costs a few losses, whatever n (line: bound 5; dotted: 3)"
    axes[0].set(title=title, xlabel="parameters n, thousands", ylabel="seconds of gradient / of loss", ylim=(0, 6))
    n = parameters(r.small).values.astype(int)
    small = xr.concat([10 ** slower(r.small, what) for what in ("backpropagation", "differences")], "way")
    small = small.assign_coords(way=["backpropagation", "differences"], width=n).rename(width="n")
    lab.figures.dots(axes[1], small, x="n", hue="way", log="xy")
    axes[1].plot(n, n, color="black", linewidth=0.8, linestyle=":")
    axes[1].set(
        title="By differences: n losses and more (dotted: n)", xlabel="parameters n", ylabel="seconds / of loss"
    )
    ways = ["backpropagation", "recomputing"]
    deep = xr.concat([10 ** slower(r.chain, what) for what in ways], "way").assign_coords(way=ways)
    lab.figures.dots(axes[2], deep, x="depth", hue="way", log="xy")
    title = "Without stored activations it grows with the depth"
    axes[2].set(title=title, xlabel="layers L", ylabel="seconds / of loss")
    for color, what in zip(lab.figures.PALETTE, ("backpropagation", "recomputing", "loss"), strict=False):
        used = r.chain.bytes.sel(what=what) / 1e6
        axes[3].plot(r.chain.depth, used, ".-", color=color, label=what)
    axes[3].set(title="… which is what they cost in memory", xlabel="layers L", ylabel="megabytes", ylim=(0, None))
    axes[3].set_xticks(r.chain.depth.values)
    axes[3].legend(fontsize=8, frameon=False)
    return figure


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "wide": lab.Cost(
            trials.mlp, {
                "what": ("loss", "backpropagation"), "width": (128, 256, 512, 1024), "depth": 4, "batch": 256,
                "times": 8, "dataset": "digits",
            },
            repeats=16,
        ),
        "small": lab.Cost(
            trials.mlp, {
                "what": ("loss", "backpropagation", "differences"), "width": (4, 8, 16, 32), "depth": 3, "batch": 512,
                "times": 20, "dataset": "digits",
            },
            repeats=16,
        ),
        "chain": lab.Cost(
            trials.chain, {
                "what": ("loss", "backpropagation", "recomputing"), "depth": (8, 16, 32, 64), "width": 64, "batch": 256,
                "times": 4,
            },
            repeats=16,
        ),
        "alike": lab.Study(trials.alike, {"depth": 8, "width": 16, "batch": 16}),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "wide.width": (64, 128), "small.width": (4, 8), "chain.depth": (4, 8), "wide.times": 1,
            "small.times": 5, "chain.times": 1,
        },
        "full": {"wide.width": (512, 1024, 2048, 4096, 8192), "wide.batch": 1024, "small.width": (4, 16, 64, 128)},
    },
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
