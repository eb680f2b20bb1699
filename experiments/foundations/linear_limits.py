"""What can no linear classifier do, and what does one hidden layer of ReLUs add?

Sources: ee147 History and Neural Networks (one layer fails on XOR; layers without a nonlinearity are one layer); ee147
Softmax Classifier (polar coordinates make radial data separable); ee147 Nonlinear Activation Functions (piecewise
linear, yet nonlinear enough); lectures Universal Approximators (any function, and three reasons why learning fails: too
few units, an optimizer that does not find them, overfitting). Cover 1965: a line gives n points in the plane n² − n + 2
labellings, 14 of the 16 of four points.

"Lines" are 4,096 random ones across the unit square with XOR at its corners; the perceptron passes over these corners
500 times. "Shapes" are four noisy clusters labelled like XOR, and a ring of radius 2 around one of radius 1: 500 points
to learn from with full-batch Adam, 500 others to test. "Approximation" is of sums of three sines of random phase and
amplitude on [−1, 1] by nets of one hidden layer, in the largest error. "Built" nets join points of the curve by lines,
one ReLU for each piece; trained nets start with knots spread at random and learn 200 exact values, or 20 with noise.
"""

import limits_trials as trials
import numpy as np
import xarray as xr

from dlnotes import lab


def accuracy(r, shape, *models):
    """Test accuracy of the best of some models."""
    found = r.shapes.accuracy.assign_coords(model=list(trials.MODELS))
    return found.sel(rings=shape, model=list(models), drop=True).max("model")


def best_line(r):
    """The same for a line and a stack of linear layers, on the shape where they do better."""
    both = [accuracy(r, shape, "line", "linear stack") for shape in ("clusters", "rings")]
    return xr.concat(both, "rings").max("rings")


def worst_hidden(r):
    return xr.concat([accuracy(r, s, "hidden layer") for s in ("clusters", "rings")], "rings").min("rings")


def widest(r, over, under):
    """log₁₀ of one largest error over another, for the widest nets."""
    last = r.approximation.isel(width=-1, drop=True)
    return np.log10(last[over] / last[under])


def exponent(array: xr.DataArray, dim: str) -> xr.DataArray:
    """p in array ∝ dimᵖ, by least squares."""
    x = np.log(array[dim].astype(float))
    x = x - x.mean()
    return xr.dot(np.log(array), x, dim=dim) / xr.dot(x, x)


HISTORY, NEURAL, SOFTMAX = "ee147 History", "ee147 Neural Networks", "ee147 Softmax Classifier"
LECTURES, COVER = "lectures Universal Approximators", "Cover 1965"

# Margins: counts are exact. A line through XOR's clusters has three of four right at best, 0.75, and rings are harder.
# Rounding in float32 for layers that collapse. Exponent: third-order terms at 16 pieces. A power of ten where two
# errors are said to differ, half of one (a factor of 3) for the noise.
PREDICTIONS = (
    lab.Equivalent(
        "three_of_four", "of 4,096 lines the best has three of XOR's four points right",
        lambda r: r.lines.most_right, source=HISTORY, target=3, within=0.5,
    ),
    lab.Equivalent(
        "fourteen_labellings", "lines make 14 of the 16 labellings of four points", lambda r: r.lines.labellings,
        source=COVER, target=14, within=0.5,
    ),
    lab.Greater(
        "never_settles", "on XOR the perceptron errs in every one of 500 passes (fewest mistakes in a pass)",
        lambda r: r.lines.xor_mistakes.min("pass") - 0.5, source=HISTORY,
    ),
    lab.Equivalent(
        "settles_on_or", "on OR its last pass is without mistake", lambda r: r.lines.or_mistakes.isel({"pass": -1}),
        source="Novikoff 1962", within=0.5,
    ),
    lab.Equivalent(
        "learns_nothing", "on XOR's clusters softmax regression ends where it knows nothing: loss log 2",
        lambda r: r.shapes.loss.isel(model=0).sel(rings="clusters"), source="symmetry", target=float(np.log(2)),
        within=0.02,
    ),
    lab.Less(
        "lines_fail", "on clusters and rings a line, and three linear layers, have less than 0.8 right",
        lambda r: best_line(r) - 0.8, source=NEURAL,
    ),
    lab.Greater(
        "hidden_layer_solves", "16 ReLUs have more than 0.95 of both right", lambda r: worst_hidden(r) - 0.95,
        source=NEURAL,
    ),
    lab.Greater(
        "polar_solves_rings", "in r and θ a line has more than 0.95 of the rings right",
        lambda r: accuracy(r, "rings", "polar line") - 0.95, source=SOFTMAX,
    ),
    lab.Less(
        "polar_fails_clusters", "but of XOR's clusters less than 0.8: the coordinates must fit the data",
        lambda r: accuracy(r, "clusters", "polar line") - 0.8, source="ours",
    ),
    lab.Equivalent(
        "stack_collapses", "five linear layers are the one with W = W₅⋯W₁ (relative difference)",
        lambda r: r.stack.difference, source=NEURAL, within=1e-5,
    ),
    lab.Equivalent(
        "built_error", "the error of n joined pieces falls like n⁻² from 16 to 128 (exponent)",
        lambda r: exponent(r.approximation.built.sel(width=slice(16, None)), "width"),
        source="h²·max|f″|/8", target=-2, within=0.1,
    ),
    lab.Greater(
        "compact_only", "widest net: outside [−1, 1], on [1, 2], the error is over a hundred times larger (log₁₀)",
        lambda r: widest(r, "outside", "built"), source=f"{LECTURES}, on compact sets only", margin=2,
    ),
    lab.Greater(
        "optimizer_fails", "widest net: trained on exact values it errs over ten times more than built (log₁₀)",
        lambda r: widest(r, "trained", "built"), source=f"{LECTURES}, second reason", margin=1,
    ),
    lab.Greater(
        "overfitting_fails", "and from 20 noisy values over three times more than from 200 exact ones (log₁₀)",
        lambda r: widest(r, "few", "trained"), source=f"{LECTURES}, third reason", margin=float(np.log10(3)),
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(4)
    mistakes = xr.concat([r.lines.xor_mistakes, r.lines.or_mistakes], "labels").assign_coords(labels=["XOR", "OR"])
    first = mistakes.isel({"pass": slice(20)})
    first = first.assign_coords({"pass": np.arange(first.sizes["pass"]) + 1})
    lab.figures.seeds(axes[0], first, x="pass", hue="labels")
    title = "The perceptron settles on OR and never on XOR"
    axes[0].set(title=title, xlabel="pass over four points", ylabel="mistakes", ylim=(-0.2, 4.4))
    found = r.shapes.accuracy.assign_coords(model=list(trials.MODELS))
    lab.figures.dots(axes[1], found, x="model", hue="rings", labels=("XOR's clusters", "ring around a ring"))
    axes[1].axhline(0.75, color="black", linewidth=0.8, linestyle=":")
    axes[1].get_legend().set_title("")
    title = "A hidden layer solves both, polar coordinates the rings (dotted: ¾, the best line on XOR)"
    axes[1].set(title=title, xlabel="", ylabel="test accuracy")
    names = {"few": "trained, 20 noisy values", "trained": "trained, 200 exact values"}
    names |= {"built": "built", "outside": "built, on [1, 2]"}
    errors = r.approximation[list(names)].to_dataarray("net").assign_coords(net=list(names.values()))
    lab.figures.seeds(axes[2], errors, x="width", hue="net", log="xy")
    width = r.approximation.width
    start = float(r.approximation.built.isel(width=0).median())
    axes[2].plot(width, start * (width / width[0]) ** -2.0, color="black", linewidth=0.8, linestyle=":")
    axes[2].set_xticks(width.values, [f"{w:g}" for w in width.values])
    axes[2].set_xticks([], minor=True)
    title = "More units do better (dotted: like n⁻²), if they are found"
    axes[2].set(title=title, xlabel="ReLUs n", ylabel="largest error")
    show(axes[3])
    return figure


def show(ax):
    """A curve, and nets that join few of its points."""
    curve = trials.Curve(*(np.array(v) for v in ([1.0, 0.6, -0.5], [2.0, 4.0, 6.0], [0.3, 1.0, 2.0])))
    x = np.linspace(-1.3, 1.7, 400)
    ax.plot(x, trials.value(curve, x), color="black", linewidth=1.2, label="f")
    for i, width in enumerate((4, 16)):
        net = trials.interpolating(curve, width, width)
        ax.plot(x, trials.output(net, x), color=lab.figures.PALETTE[i], linewidth=1.2, label=f"{width} ReLUs")
    ax.axvspan(-1, 1, color="black", alpha=0.06)
    title = "Inside [−1, 1] pieces follow the curve, outside the last goes straight on"
    ax.set(title=title, xlabel="x", ylabel="y", ylim=(-4, 4))
    lab.figures.legend_below(ax)


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "lines": lab.Study(
            trials.lines, {"count": 4096}, dims={"xor_mistakes": ("pass",), "or_mistakes": ("pass",)}
        ),
        "shapes": lab.Study(
            trials.shapes, {"rings": {"clusters": 0.0, "rings": 1.0}, "examples": 500, "steps": 500},
            dims={"accuracy": ("model",), "loss": ("model",)},
        ),
        "stack": lab.Study(trials.stack, {"width": 32, "depth": 5}),
        "approximation": lab.Study(
            trials.approximation,
            {"width": (8.0, 16.0, 32.0, 64.0, 128.0), "most": 128, "points": 200, "few": 20, "steps": 2000},
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "shapes.steps": 100, "shapes.examples": 100, "approximation.width": (16.0, 32.0),
            "approximation.most": 32, "approximation.steps": 100, "approximation.points": 50,
        },
        "full": {
            "seeds": 64, "approximation.width": (8.0, 32.0, 128.0, 512.0), "approximation.most": 512,
            "approximation.points": 2000, "approximation.steps": 50_000,
        },
    },
)  # fmt: skip
