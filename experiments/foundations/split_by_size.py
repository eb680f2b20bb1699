"""How are examples split best into those for learning, for choosing a model and for testing it?

Sources: formulas 2.1.1 (60/20/20 works well for 100 to 10,000 examples, 98/1/1 for a million: shares in percent for
training, development and test).

Linear regression with ten Gaussian features, five of them so weak that together they explain a twentieth of the noise.
One model has all, one only the strong five; both are fitted to the training part, the one with less squared error on
the development part is taken, and the test part measures it. Nothing is fitted again to all examples. A seed has 256
data sets of each size. Excess error is that of the model taken above the noise, in units of its variance; "the better
model" is that of less error on endless new examples.
"""

import numpy as np
import split_by_size_trials as trials

from dlnotes import lab

SPLITS = {"60/20/20": 0.2, "98/1/1": 0.01}
SMALL, MILLION = (100, 1000, 10_000), 1_000_000


def of(r, measure, examples, split):
    return r.split[measure].sel(examples=examples, held=split, drop=True)


def gain(r, examples):
    """log₁₀ of the excess error after 60/20/20 over that after 98/1/1."""
    return np.log10(of(r, "excess", examples, "60/20/20") / of(r, "excess", examples, "98/1/1"))


def spread_over_law(r):
    """Spread of the test error, relative to it, over √(2/n), n the examples of the test part."""
    share = np.array([SPLITS[name] for name in r.split.held.values])
    tested = r.split.examples * r.split.held.copy(data=share)
    return (r.split.test_spread / np.sqrt(2 / tested)).mean(("examples", "held"))


FORMULAS = "formulas 2.1.1"

# Tolerances. Spreads: 16 × 256 sets leave 1 % of chance. "Works well": our reading, the better model nine times of ten;
# a test error known to a tenth of it; and, of a million, to a fiftieth.
PREDICTIONS = (
    lab.Equivalent(
        "test_spread", "a test error's standard error is √(2/n) of it, n the test part (measured over law)",
        spread_over_law, source="theory: variance of χ²", target=1, within=0.03,
    ),
    *(
        lab.Less(
            f"small_{size}", f"{size:,} examples: 60/20/20 ends with less excess error than 98/1/1 (log₁₀)",
            lambda r, size=size: gain(r, size), source=FORMULAS,
        )
        for size in SMALL
    ),
    lab.Greater(
        "million", "a million examples: 98/1/1 ends with less excess error than 60/20/20 (log₁₀)",
        lambda r: gain(r, MILLION), source=FORMULAS,
    ),
    lab.Equivalent(
        "million_alike", "but they differ by less than a thousandth of the noise (difference in excess error)",
        lambda r: of(r, "excess", MILLION, "60/20/20") - of(r, "excess", MILLION, "98/1/1"),
        source="theory: excess error is features/n", within=0.001,
    ),
    lab.Greater(
        "hundred_choose", "100 examples, 60/20/20: the better model is taken in nine of ten data sets (share − 0.9)",
        lambda r: of(r, "right", 100, "60/20/20") - 0.9, source=FORMULAS,
    ),
    lab.Less(
        "hundred_test", "and its test error is known to a tenth of it (standard error − 0.1)",
        lambda r: of(r, "test_spread", 100, "60/20/20") - 0.1, source=FORMULAS,
    ),
    lab.Greater(
        "million_choose", "a million, 98/1/1: the better model is taken in nine of ten data sets (share − 0.9)",
        lambda r: of(r, "right", MILLION, "98/1/1") - 0.9, source=FORMULAS,
    ),
    lab.Less(
        "million_test", "and its test error is known to a fiftieth of it (standard error − 0.02)",
        lambda r: of(r, "test_spread", MILLION, "98/1/1") - 0.02, source=FORMULAS,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(3)
    split = r.split.rename(held="split")
    lab.figures.seeds(axes[0], split.right, x="examples", hue="split", log="x")
    axes[0].axhline(0.5, color="black", linestyle=":", linewidth=1)
    axes[0].set(title="Is the better of two models taken? (dotted: a coin)", ylabel="share of the data sets")
    lab.figures.seeds(axes[1], split.excess, x="examples", hue="split", log="xy")
    least = split.least_excess.mean("seed")
    axes[1].plot(least.examples, least.transpose("examples", "split"), color="black", linestyle=":", linewidth=1)
    axes[1].set(title="Error of the model taken (dotted: if it were always the better)", ylabel="excess error")
    lab.figures.seeds(axes[2], split.test_spread, x="examples", hue="split", log="xy")
    axes[2].set(title="How well its error is known from the test part", ylabel="standard error, relative")
    return figure


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "split": lab.Study(
            trials.splitting,
            {"examples": (*SMALL, 100_000, MILLION), "held": SPLITS, "weak": 0.05, "features": 10, "sets": 256},
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={"quick": {"seeds": 4, "sets": 32}, "full": {"seeds": 64, "sets": 16_384}},
    x64=True,
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
