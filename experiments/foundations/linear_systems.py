"""When is A⁻¹b sensitive to errors, when has Ax = y a solution, and what is left of distance in many dimensions?

Sources: dlbook 1.3 ((4.2): κ is a ratio of eigenvalues; inversion is sensitive where it is large) and 1.1 (solutions
are far likelier where A is wide); ee147 k-Nearest Neighbors (distances of pixels have no meaning, those in many
dimensions neither); Golub & Van Loan, Matrix Computations, 2.6; Beyer et al. 1999, When is "nearest neighbor"
meaningful?

Amplification is the relative error of A⁻¹b over that of b; matrices are 10 × 10 with singular values from 1 to κ₂ at
equal ratios, along random directions; 500 random errors each. Either b is random or the solution is, and b belongs to
it. The sheared matrix is [[1, √κ₂], [0, 1.0001]], turned: its eigenvalues are all but equal. Systems have 8 equations.

Contrast is (max − min)/min of the distances from a query to 1000 points, uniform in a cube. Digits, 8 × 8 pixels: a
copy is one pixel further to the right, or has a black box of 3 × 3 pixels in its middle, or 0.7 of the intensity; 1000
other digits are there to be nearer. To shuffle pixels is to deal each pixel's values out again among the pictures.
"""

import numpy as np
import system_trials as trials
import xarray as xr

from dlnotes import lab
from dlnotes.data import images


def exponent(array, dim):
    """p in array ∝ dimᵖ, by least squares."""
    x = np.log(array[dim].astype(float))
    x = x - x.mean()
    return xr.dot(np.log(array), x, dim=dim) / xr.dot(x, x)


def share(r, entries, low, high):
    """Share of systems with a solution, the least favourable number of columns between two."""
    some = r.systems.solvable.sel(binary=entries, drop=True)
    return some.isel(columns=(some.columns >= low) & (some.columns <= high))


def cube(r):
    """Contrast in a cube, by dimension: powers of two."""
    return r.cube.contrast.assign_coords(dimension=2 ** np.arange(r.cube.sizes["dimension"]))


def copies(r, what, copy):
    return r.pictures[what].assign_coords(copy=list(trials.COPIES)).sel(copy=copy, drop=True)


def farther(r, copy, than):
    """log₂ of the mean distance of one kind of copies from their originals over that of another."""
    return np.log2(copies(r, "own", copy) / copies(r, "own", than))


DLBOOK, GOLUB = "dlbook 1.3 (4.2)", "Golub & Van Loan 2.6"
NEIGHBORS, BEYER = "ee147 k-Nearest Neighbors", "Beyer et al. 1999"

# Tolerances. Worst case: rounding, eps·κ at κ = 1e8. Exponents: nearer to this half than to the next; contrast has −½
# only in the limit, as the nearest of 1000 points is 3 deviations nearer than their mean. Shares: one in a hundred.
PREDICTIONS = (
    lab.Equivalent(
        "bounded", "no error grows more than κ₂ times (largest growth beyond it, relative)",
        lambda r: (r.inversion.largest / r.inversion.condition - 1).clip(min=0).max("condition"), source=GOLUB,
        within=1e-6,
    ),
    lab.Equivalent(
        "reached", "an error along the least singular direction of the largest right side grows κ₂ times (log₁₀)",
        lambda r: np.log10(r.inversion.worst / r.inversion.condition).mean("condition"), source=GOLUB, within=1e-6,
    ),
    lab.Greater(
        "sensitive", "a random error in a random right side grows more where κ₂ is larger (exponent of κ₂)",
        lambda r: exponent(r.inversion.random_side, "condition"), source=DLBOOK, margin=0.25,
    ),
    lab.Equivalent(
        "sensitive_for_solutions", "if instead the solution is random, its error grows like κ₂ (exponent)",
        lambda r: exponent(r.inversion.random_solution, "condition"), source="theory: b lies along the largest",
        target=1, within=0.25,
    ),
    lab.Less(
        "eigenvalue_ratio_bounds", "sheared matrix: no error grows more than max|λᵢ/λⱼ| times (log₁₀ of worst over it)",
        lambda r: np.log10(r.inversion.shear_worst / r.inversion.shear_eigenvalues).mean("condition"), source=DLBOOK,
    ),
    lab.Equivalent(
        "singular_ratio_bounds", "sheared matrix: the worst error grows by the ratio of singular values (log₁₀)",
        lambda r: np.log10(r.inversion.shear_worst / r.inversion.shear_condition).mean("condition"), source=GOLUB,
        within=1e-6,
    ),
    lab.Equivalent(
        "wide", "random A with 8 to 16 columns: every system has a solution (share)",
        lambda r: share(r, "normal", 8, 16).min("columns"), source="dlbook 1.1", target=1, within=0.01,
    ),
    lab.Equivalent(
        "tall", "with 4 to 7 columns: none has (share)",
        lambda r: share(r, "normal", 4, 7).max("columns"), source="dlbook 1.1", within=0.01,
    ),
    lab.Less(
        "binary_needs_more", "entries 0 or 1: of the square systems some have none (share − 0.99)",
        lambda r: share(r, "0 or 1", 8, 8).min("columns") - 0.99, source="theory: such matrices may be singular",
    ),
    lab.Equivalent(
        "contrast_falls", "the contrast of distances falls like 1/√d, d from 64 to 1024 (exponent)",
        lambda r: exponent(cube(r).sel(dimension=slice(64, None)), "dimension"), source=BEYER, target=-0.5,
        within=0.1,
    ),
    lab.Greater(
        "digits_keep_contrast", "digits have over 1.5 times the contrast of their shuffled pixels (log₂)",
        lambda r: np.log2(r.pictures.contrast / r.pictures.contrast_shuffled),
        source="theory: they fill few dimensions", margin=float(np.log2(1.5)),
    ),
    lab.Equivalent(
        "alike", "shifted digits are as far from their originals as boxed ones, to a factor of 1.25 (log₂)",
        lambda r: farther(r, "shifted", "boxed"), source=NEIGHBORS, within=float(np.log2(1.25)),
    ),
    lab.Greater(
        "shifted_are_farther", "shifted digits are over 1.25 times as far as boxed ones (log₂)",
        lambda r: farther(r, "shifted", "boxed"), source="ours: every edge moves", margin=float(np.log2(1.25)),
    ),
    lab.Greater(
        "stranger_is_nearer", "most shifted digits are nearer to another class than to themselves (share − ½)",
        lambda r: copies(r, "stranger_nearer", "shifted") - 0.5, source=NEIGHBORS,
    ),
    lab.Greater(
        "shift_misleads", "a shift costs 1-NN over 0.2 of its hits",
        lambda r: r.pictures.right_unaltered - copies(r, "right", "shifted"), source=NEIGHBORS, margin=0.2,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(6)
    names = {
        "worst": "worst case", "random_solution": "random error, random solution",
        "random_side": "random error, random b",
    }  # fmt: skip
    grown = r.inversion[list(names)].to_dataarray("error").assign_coords(error=list(names.values()))
    lab.figures.seeds(axes[0], grown, x="condition", hue="error", log="xy")
    axes[0].set(title="Errors in A⁻¹b: κ₂ is reached, but random b hide it", xlabel="κ₂", ylabel="growth of the error")
    names = {"shear_worst": "worst case", "shear_condition": "σ₁/σ₂", "shear_eigenvalues": "λ₁/λ₂ (4.2)"}
    shear = r.inversion[list(names)].to_dataarray("what").assign_coords(what=list(names.values()))
    lab.figures.dots(axes[1], shear, x="condition", hue="what", log="xy")
    axes[1].set(title="Sheared: the ratio of eigenvalues says nothing", xlabel="about κ₂", ylabel="growth, ratios")
    lab.figures.seeds(axes[2], r.systems.solvable, x="columns", hue="binary")
    axes[2].axvline(8, color="black", linewidth=0.8, linestyle=":")
    axes[2].set(
        title="8 equations: 8 unknowns suffice, not with entries 0 or 1", xlabel="columns of A (dotted: square)"
    )
    axes[2].set(ylabel="share of systems with a solution")
    lab.figures.seeds(axes[3], cube(r), x="dimension", log="xy")
    d = cube(r).dimension.values
    axes[3].plot(
        d, float(r.cube.contrast.isel(dimension=-1).mean()) * (d / d[-1]) ** -0.5, ":", color="black", linewidth=1
    )
    for what, label in (("contrast", "digits"), ("contrast_shuffled", "pixels shuffled")):
        mean = float(r.pictures[what].mean())
        axes[3].axhline(mean, color="black", linewidth=0.7)
        axes[3].text(d[-1], mean * 1.08, label, ha="right", fontsize=8)
    axes[3].set(
        title="Nearest and farthest become alike (dotted: 1/√d)", xlabel="dimensions d", ylabel="(max − min)/min"
    )
    data = r.pictures.assign_coords(copy=list(trials.COPIES))
    lab.figures.dots(axes[4], data.own, x="copy")
    axes[4].set(title="How far a copy is from its original", xlabel="", ylabel="Euclidean distance", ylim=(0, None))
    lab.figures.dots(axes[5], 100 * data[["right", "stranger_nearer"]].to_dataarray("what"), x="copy", hue="what",
                     labels=("1-NN is right", "another class is nearer than the original"))  # fmt: skip
    axes[5].axhline(100 * float(data.right_unaltered.mean()), color="black", linestyle=":", linewidth=1)
    axes[5].set(title="Who is nearer than oneself (dotted: 1-NN on originals)", xlabel="", ylabel="per cent of digits")
    return figure


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "inversion": lab.Study(
            trials.inversion, {"condition": (10.0, 100.0, 1e3, 1e4, 1e6, 1e8), "n": 10, "draws": 500},
        ),
        "systems": lab.Study(
            trials.solvable,
            {
                "columns": tuple(range(4, 17)), "binary": {"normal": 0, "0 or 1": 1}, "rows": 8, "most": 16,
                "systems": 200,
            },
        ),
        "cube": lab.Study(
            trials.concentration,
            {"most": 1024, "points": 1000, "queries": 8}, dims={"contrast": ("dimension",)},
        ),
        "pictures": lab.Study(
            trials.pictures, {"box": 3, "tint": 0.7, "queries": 200, "others": 1000, "dataset": "digits"},
            data=images.load, dims=dict.fromkeys(("own", "stranger_nearer", "nearer", "right"), ("copy",)),
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "inversion.n": 4, "inversion.draws": 20, "systems.systems": 20, "cube.points": 50,
            "cube.most": 128, "pictures.queries": 50, "pictures.others": 200,
        },
        "full": {
            "seeds": 64, "inversion.n": 100, "cube.points": 100_000, "pictures.dataset": "mnist",
            "pictures.queries": 2000, "pictures.others": 20_000, "pictures.box": 10,
        },
    },
    x64=True,
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
