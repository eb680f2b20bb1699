"""How well do quasi-Newton methods learn the inverse Hessian, and how much of that survives small batches?

Sources: ee147 first vs second order (BFGS, L-BFGS, conjugate gradients, large batches); Nocedal & Wright, Numerical
Optimization, 2nd edition, sections 5.1, 6.1 and 7.2; Schraudolph, Yu & Günter 2007 (online L-BFGS). In float64.

BFGS keeps an estimate of H⁻¹ and corrects it after each step from one pair: the step s and the change of the gradient
y. "Exact" steps go to the lowest point along their line, "Wolfe" steps are those of a usual line search, "arbitrary"
ones are drawn at random from N(0, H⁻¹). The error of the estimate is ‖Ĥ⁻¹ − H⁻¹‖/‖H⁻¹‖, all estimates begin at I, and
eigenvalues of H go from 1 to κ. That exact steps of BFGS and of conjugate gradients end after n is tested in
`newton_vs_first_order`.

"Digits" is softmax regression on 4 × 4 pixels with ½λ‖θ‖² added. With batches there is no line search: every method
has a constant rate, each its best one of seven, by the geometric mean over seeds of the excess at the end: the loss
over all examples above the lowest. What diverges counts as the excess of θ = 0. With "same batch" both gradients of a
pair come from one batch, which takes two gradients a step in place of one.

After the first standard run L-BFGS with one pair is compared with conjugate gradients over the first n/2 steps, not all
n: rounding grows so fast in either that conjugate gradients on H and on (1 + 1e-15)·H part by 1e-3 as well. It was
refuted before. Conjugate gradients are given more than n steps, where a later end had been cut off; the rate 10 was
added, as descent was best at 3.2, the largest; and an excess below 1e-12, where the lowest loss is not known so
accurately, counts as that.
"""

import numpy as np
import quasi_newton_trials as trials

from dlnotes import lab

ARMS = {"descent": trials.Arm(0, 0), "L-BFGS": trials.Arm(10, 0), "L-BFGS, same batch": trials.Arm(10, 1)}
EE147, NW, ONLINE = "ee147 first vs second order", "Nocedal & Wright", "Schraudolph et al. 2007"
TWICE = float(np.log10(2))


def error(r, solver):
    """log₁₀ of the relative error of Ĥ⁻¹ after n pairs, the worst over κ."""
    error = r.inverse.error.assign_coords(solver=list(trials.STEPS)).sel(solver=solver, drop=True)
    return np.log10(error.isel(pair=-1, drop=True)).max("condition", skipna=False)


def steps(r, pairs):
    """log₁₀ of L-BFGS's steps with so many pairs."""
    return np.log10(r.limited.steps.sel(pairs=pairs, drop=True).astype(float))


def tuned(r, batch):
    """log₁₀ of the excess at the end, each arm at the rate that is its best at this batch size."""
    excess = np.log10(r.batches.excess.isel(step=-1, drop=True).sel(batch=batch, drop=True).clip(1e-12))
    return lab.at_best(excess, excess, "log10_rate")


def gap(r, batch, arm, other):
    return tuned(r, batch).sel(arm=arm, drop=True) - tuned(r, batch).sel(arm=other, drop=True)


def skipped(r, batch, arm):
    """Share of pairs with yᵀs ≤ 0, over all rates, at which L-BFGS need not have converged."""
    return r.batches.skipped.sel(batch=batch, arm=arm, drop=True).mean("log10_rate", skipna=False)


# Tolerances. Rounding, amplified by κ = 1000 in H and in H⁻¹: 1e-6. The recurrence of E‖E‖²: a mean over 2048 draws
# of a skewed number scatters by some per cent, 5 % is about three standard errors of the mean over seeds. Steps:
# nearest whole number.
# A mean cosine of 0.05 would still be nearly conjugate.
PREDICTIONS = (
    lab.Less(
        "exact_steps_rebuild", "n exact steps of BFGS rebuild H⁻¹, κ up to 1000 (log₁₀ of the error, over −6)",
        lambda r: error(r, "exact") + 6, source=f"{EE147}; {NW}, section 6.1",
    ),
    lab.Less(
        "wolfe_steps_rebuild", "so do n steps of a usual line search, to 1 % (log₁₀ of the error, over −2)",
        lambda r: error(r, "Wolfe") + 2, source=EE147,
    ),
    lab.Less(
        "arbitrary_steps_rebuild", "so do n arbitrary steps, to 1 % (log₁₀ of the error, over −2)",
        lambda r: error(r, "arbitrary") + 2, source=EE147,
    ),
    lab.Greater(
        "arbitrary_steps_do_not", "after n arbitrary steps an error of a tenth or more is left (log₁₀, over −1)",
        lambda r: np.log10(r.inverse.error.isel(solver=2, pair=-1)).min("condition", skipna=False) + 1, source="ours",
    ),
    lab.Equivalent(
        "arbitrary_law", "they leave E‖H^½Ĥ⁻¹H^½ − I‖² as the recurrence of random projections says (ratio)",
        lambda r: r.inverse.over_law.mean("condition", skipna=False), source="ours", target=1, within=0.05,
    ),
    lab.Equivalent(
        "gradients_conjugate", "conjugate gradients: successive gradients are conjugate, gₖᵀHgₖ₋₁ = 0 (mean |cosine|)",
        lambda r: r.conjugacy.between_gradients.mean("distinct"), source=EE147, within=0.05,
    ),
    lab.Equivalent(
        "gradient_law", "gₖᵀHgₖ₋₁ is −‖gₖ‖²/εₖ₋₁ (worst relative error)",
        lambda r: r.conjugacy.gradient_law.max("distinct", skipna=False), source="ours", within=1e-4,
    ),
    lab.Equivalent(
        "directions_conjugate", "it is successive directions that are conjugate (worst |cosine|)",
        lambda r: r.conjugacy.between_directions.max("distinct", skipna=False), source=f"{NW}, section 5.1",
        within=1e-6,
    ),
    lab.Equivalent(
        "a_step_each_eigenvalue", "it takes as many steps as H has different eigenvalues (steps beyond, mean)",
        lambda r: (r.conjugacy.steps - r.conjugacy.distinct).mean("distinct"), source=f"{NW}, section 5.1", within=0.5,
    ),
    lab.Equivalent(
        "one_pair_is_enough", "on quadratics L-BFGS with one pair and exact steps *is* conjugate gradients (n/2 steps)",
        lambda r: r.conjugacy.one_pair_apart.max("distinct", skipna=False), source=f"{NW}, section 7.2", within=1e-6,
    ),
    lab.Greater(
        "pairs_help", "digits: with 1 pair L-BFGS takes over twice the steps that it takes with 10 (log₁₀)",
        lambda r: steps(r, 1) - steps(r, 10), source=f"{NW}, section 7.2", margin=TWICE,
    ),
    lab.Less(
        "few_pairs_suffice", "digits: with 10 pairs at most twice the steps that it takes with all (log₁₀)",
        lambda r: steps(r, 10) - steps(r, 100) - TWICE, source=EE147,
    ),
    lab.Less(
        "better_with_all", "all examples: L-BFGS ends with half or less of the excess of descent (log₁₀)",
        lambda r: gap(r, 256, "L-BFGS", "descent"), source=EE147, margin=TWICE,
    ),
    lab.Greater(
        "worse_in_small_batches", "batches of 16: L-BFGS ends with a larger excess than descent (log₁₀)",
        lambda r: gap(r, 16, "L-BFGS", "descent"), source=EE147,
    ),
    lab.Greater(
        "pairs_fail", "batches of 16: over a tenth of the pairs have yᵀs ≤ 0 (share)",
        lambda r: skipped(r, 16, "L-BFGS"), source=EE147, margin=0.1,
    ),
    lab.Equivalent(
        "pairs_never_fail_in_one_batch", "both gradients from the same batch: none has, as the loss is convex (share)",
        lambda r: skipped(r, 16, "L-BFGS, same batch"), source=ONLINE, within=1e-3,
    ),
    lab.Less(
        "same_batch_mends", "batches of 16: with the same batch L-BFGS ends lower than with changing ones (log₁₀)",
        lambda r: gap(r, 16, "L-BFGS, same batch", "L-BFGS"), source=ONLINE,
    ),
    lab.Less(
        "same_batch_beats_descent", "batches of 16: with the same batch L-BFGS ends lower than descent (log₁₀)",
        lambda r: gap(r, 16, "L-BFGS, same batch", "descent"), source=ONLINE,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(6)
    condition = float(r.inverse.condition[-1])
    error = r.inverse.error.assign_coords(solver=list(trials.STEPS)).sel(condition=condition)
    lab.figures.seeds(axes[0], error, x="pair", hue="solver", log="y")
    axes[0].set(
        title=f"Quadratic, κ = {condition:g}: n exact steps rebuild H⁻¹, arbitrary ones do not",
        xlabel="pairs learned", ylabel="relative error of Ĥ⁻¹",
    )  # fmt: skip
    lab.figures.seeds(axes[1], r.conjugacy.distance.clip(1e-12), x="iteration", hue="distinct", log="y")
    axes[1].set(
        title="Conjugate gradients: a step for each different eigenvalue of H, one more on average",
        xlabel="step", ylabel="distance to the minimum",
    )  # fmt: skip
    lab.figures.dots(axes[2], r.limited.steps, x="pairs", log="y")
    axes[2].set(
        title="L-BFGS on digits: steps against pairs kept", xlabel="pairs", ylabel="steps to a gradient of 1e-6"
    )
    share = r.batches.skipped.mean("log10_rate").sel(arm=["L-BFGS", "L-BFGS, same batch"])
    lab.figures.dots(axes[3], share, x="batch", hue="arm")
    axes[3].set(title="Pairs without curvature: none if both gradients share a batch", xlabel="examples in a batch")
    axes[3].set(ylabel="share of pairs with yᵀs ≤ 0")
    sizes = r.batches.batch.values
    last = r.batches.excess.isel(step=-1).clip(1e-12)
    for ax, batch in zip(axes[4:], (sizes[min(1, len(sizes) - 1)], sizes[-1]), strict=True):
        lab.figures.dots(ax, last.sel(batch=batch), x="log10_rate", hue="arm", log="y")
        name = "All examples" if batch == sizes[-1] else f"Batches of {batch:g}"
        ax.set(title=f"{name}: excess at the end", xlabel="log₁₀ of the rate", ylabel="loss above the lowest, nats")
    return figure


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "inverse": lab.Study(
            trials.inverse, {"condition": (10.0, 100.0, 1000.0), "n": 6, "draws": 2048},
            dims={"error": ("solver", "pair")},
        ),
        "conjugacy": lab.Study(
            trials.conjugacy, {"distinct": (3.0, 10.0, 20.0), "condition": 100.0, "n": 20},
            dims={"distance": ("iteration",)},
        ),
        "limited": lab.Study(
            trials.limited,
            {"pairs": (1, 3, 10, 30, 100), "memory": 100, "pixels": 4, "examples": 256, "penalty": 0.001, "cap": 2000,
             "dataset": "digits"},
            data=trials.images.load,
        ),
        "batches": lab.Study(
            trials.batches,
            {"arm": ARMS, "batch": (4, 16, 64, 256), "log10_rate": (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0), "pixels": 4,
             "examples": 256, "penalty": 0.001, "steps": 150, "every": 10, "dataset": "digits"},
            data=trials.problem,
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "inverse.draws": 16, "conjugacy.n": 6, "conjugacy.distinct": (3.0, 6.0), "limited.memory": 10,
            "limited.pairs": (1, 10), "limited.pixels": 2, "limited.examples": 60, "limited.cap": 200,
            "batches.pixels": 2, "batches.examples": 64, "batches.batch": (16, 64), "batches.log10_rate": (-1.0, 0.0),
            "batches.steps": 20,
        },
        "full": {
            "seeds": 64, "conjugacy.n": 50, "conjugacy.distinct": (3.0, 10.0, 50.0), "limited.pixels": 8,
            "limited.examples": 1437, "batches.pixels": 8, "batches.examples": 1437, "batches.steps": 2000,
            "batches.every": 100, "batches.batch": (4, 16, 64, 256, 1437),
        },
    },
    x64=True,
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
