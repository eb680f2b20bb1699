"""Should every fold of a cross-validation have the classes in their shares?

Sources: ee147 Generalizing the Model (class balance should be maintained across folds, by stratified k-folds); Kohavi
1995, A Study of Cross-Validation and Bootstrap (stratification is better both in bias and in variance).

A seed draws 120 of the 1797 digits and splits them into ten folds 32 times: in order (sorted by class, one stretch
after the other), plain (at random) or stratified (each class shuffled, then dealt out one by one). They are "balanced",
12 of each of ten classes; have a "long tail" of 45, 24, 15, 10, 8, 6, 4, 3, 3 and 2; or two classes of 108 and 12, "one
in ten". Which digit is which class is random. Each fold is classified by what is learned from the other nine, by ridge
regression on the classes' indicators (linear; strength 1) or by 1, 3 or 9 nearest neighbours. The validation error is
the mean over folds, the true error that of what is learned from all 120, on the digits left over, by the same shares.
The regret is the true error of the number of neighbours with the least validation error, over the least of the three.

Nothing was changed after the first standard run. Two classes turned out so easy to tell apart that hardly an error is
left to vary: of imbalance the long tail says more.
"""

import fold_trials as trials
import numpy as np

from dlnotes import lab
from dlnotes.data import images

BALANCES = {
    "balanced": np.full(10, 12),
    "long tail": np.array([45, 24, 15, 10, 8, 6, 4, 3, 3, 2]),
    "one in ten": np.array([108, 12, *[0] * 8]),
}
EXAMPLES, FOLDS = 120, 10


def of(r, measure, how, balance, learner="linear"):
    array = r.folds[measure].sel(how=how, balance=balance, drop=True)
    if "learner" in array.dims:
        array = array.assign_coords(learner=list(trials.LEARNERS)).sel(learner=learner, drop=True)
    return array


def over_plain(r, measure, balance, learner="linear", share=1.0):
    """A measure with stratified folds, less a share of that with plain ones."""
    return of(r, measure, "stratified", balance, learner) - share * of(r, measure, "plain", balance, learner)


EE147, KOHAVI = "ee147 Generalizing the Model", "Kohavi 1995"

# Margins. A tenth: less is little to gain. The mean validation error of 32 data sets is known to 0.006; that of so many
# predictions is judged at about four times as much. The share of folds without the rare class: 10,240 folds.
PREDICTIONS = (
    *(
        lab.Less(
            f"steadier_{balance}_{learner}".replace(" ", "_"),
            f"{balance}, {learner}: another split changes the validation error less, by a tenth or more (difference)",
            lambda r, balance=balance, learner=learner: over_plain(r, "error_spread", balance, learner, 0.9),
            source=f"{EE147}; {KOHAVI}",
        )
        for balance in BALANCES
        for learner in ("linear", "3 neighbours")
    ),
    *(
        lab.Less(
            f"folds_alike_{balance}".replace(" ", "_"),
            f"{balance}, linear: the errors of the folds of one split spread less (difference)",
            lambda r, balance=balance: over_plain(r, "between_folds", balance), source=EE147,
        )
        for balance in BALANCES
    ),
    *(
        lab.Less(
            f"less_pessimistic_{balance}".replace(" ", "_"),
            f"{balance}, linear: stratified folds find a lower error: plain ones lack what they validate (difference)",
            lambda r, balance=balance: over_plain(r, "error", balance), source=KOHAVI,
        )
        for balance in BALANCES
    ),
    lab.Equivalent(
        "right", "balanced, linear: the error with stratified folds is the true one (difference)",
        lambda r: of(r, "error", "stratified", "balanced") - of(r, "true_error", "stratified", "balanced"),
        source=EE147, within=0.03,
    ),
    lab.Greater(
        "in_order", "balanced, linear: folds in order validate what was not learned (error − 0.95)",
        lambda r: of(r, "error", "in order", "balanced") - 0.95, source=EE147,
    ),
    lab.Equivalent(
        "none_by_chance", "one in ten: plain folds lack the rare class as often as chance has it (share)",
        lambda r: of(r, "with_rare", "plain", "one in ten").isel(held=0, drop=True), source="hypergeometric law",
        target=trials.chance_of_none(EXAMPLES, 12, EXAMPLES // FOLDS), within=0.01,
    ),
    lab.Less(
        "class_error_steadier",
        "one in ten, linear: another split changes the mean of classes' errors less, by a tenth or more (difference)",
        lambda r: over_plain(r, "class_error_spread", "one in ten", share=0.9), source=EE147,
    ),
    *(
        lab.Less(
            f"chooses_{balance}".replace(" ", "_"),
            f"{balance}: with stratified folds the number of neighbours chosen regrets less (difference)",
            lambda r, balance=balance: over_plain(r, "regret", balance), source=EE147,
        )
        for balance in BALANCES
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(6)
    both = r.folds.sel(how=["plain", "stratified"])
    rare = both.with_rare.sel(balance="one in ten", drop=True).assign_coords(held=np.arange(trials.MOST + 1))
    lab.figures.seeds(axes[0], rare, x="held", hue="how")
    axes[0].set(title="One in ten: what folds of 12 hold of the rare class", ylabel="share of the folds")
    axes[0].set(xlabel=f"examples of the rare class ({trials.MOST}: or more)")
    over = r.folds.error - r.folds.true_error
    lab.figures.dots(axes[1], over.sel(balance="balanced", drop=True).isel(learner=0, drop=True), x="how")
    axes[1].axhline(0, color="black", linestyle=":", linewidth=1)
    axes[1].set(
        title="Balanced: how far the validation error is off (dotted: not at all)",
        xlabel="",
        ylabel="validation − true error",
    )
    panels = (
        ("between_folds", "How different the folds of one split are", "spread of folds' errors"),
        ("error_spread", "How much another split changes their mean", "spread of validation errors"),
        ("class_error_spread", "The same for the mean of the classes' errors", "spread of mean class errors"),
    )
    for ax, (measure, title, name) in zip(axes[2:5], panels, strict=True):
        lab.figures.dots(ax, both[measure].isel(learner=0, drop=True), x="balance", hue="how")
        ax.set(title=title, xlabel="", ylabel=f"{name}, linear", ylim=(0, None))
    lab.figures.dots(axes[5], both.regret, x="balance", hue="how")
    axes[5].set(
        title="Neighbours chosen by validation: what the choice costs", xlabel="", ylabel="regret in true error"
    )
    return figure


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "folds": lab.Study(
            trials.folding,
            {
                "balance": BALANCES, "how": {name: i for i, name in enumerate(trials.HOW)}, "folds": FOLDS,
                "examples": EXAMPLES, "splits": 32, "dataset": "digits",
            },
            data=images.load,
            dims=dict.fromkeys(
                ("error", "true_error", "between_folds", "class_error", "error_spread", "class_error_spread"),
                ("learner",),
            ) | {"with_rare": ("held",)},
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {"seeds": 4, "splits": 8}, "standard": {"seeds": 32},
        "full": {"seeds": 64, "splits": 1024, "dataset": "mnist_5k"},
    },
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
