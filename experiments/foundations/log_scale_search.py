"""Does a search on a logarithmic scale find better learning rates than on a linear one, and better β, by 1 − β?

Sources: formulas 2.5.1 (rates as 10ʳ, r uniform) and 2.5.2 (β as 1 − 10ʳ); Bergstra & Bengio 2012 (random search);
Dodge et al. 2019 (arXiv 1909.03004), expected best of n.

A network with one hidden layer of 16 ReLU units is trained on digits for 100 steps of batch 32. Its test loss, at most
the log 10 nats of knowing nothing, is measured at 61 rates from 1e-5 to 10 by descent, with momentum 0.9 and by Adam,
and for 61 values of β from 0 to 0.9999 in two conventions: the sum v ← βv + g at the rate 0.003, where a larger β is a
longer step, and the average v ← βv + (1 − β)g at the rate 0.3. All searches of n tries are then counted at once: the
mean over them follows from the sorted losses. Regret is that expected loss less the least on the grid, in nats.

Ranges searched: rates from 1e-4 to 1 ("usual") or 1e-5 to 10 ("wide"), β from 0.9 to 0.999 or from 0 to 0.9999.
"""

import numpy as np
import search_trials as trials
import xarray as xr

from dlnotes import lab
from dlnotes.data import images

RANGES = {"usual": (-4.0, 0.0), "wide": (-5.0, 1.0)}
BETAS = {"narrow": (-3.0, -1.0), "whole": (-4.0, 0.0)}


def losses(r):
    """Test losses by method, over the logarithm of the rate, and over that of 1 − β."""
    place = r.training.tried / trials.FINEST
    loss = r.training.loss.assign_coords(method=[*trials.METHODS, *trials.CONVENTIONS])
    some = [loss.isel(method=slice(3)), loss.isel(method=slice(3, None))]
    at = {"log10_rate": -5 + 6 * place, "log10_gap": -4 + 4 * place}
    return [
        part.rename(tried=name).assign_coords({name: x.values})
        for part, (name, x) in zip(some, at.items(), strict=True)
    ]


def rates(r, method, span="usual"):
    """Regret by scale and number of tries."""
    return trials.regret(losses(r)[0].sel({"method": method}, drop=True), "log10_rate", *RANGES[span])


def decays(r, convention, span):
    return trials.regret(losses(r)[1].sel({"method": convention}, drop=True), "log10_gap", *BETAS[span])


def advantage(regret, tries=8):
    """log₂ of how many times the regret of a linear scale is that of a logarithmic one."""
    log = np.log2(regret.sel(tries=tries, drop=True))
    return log.sel(scale="linear", drop=True) - log.sel(scale="log", drop=True)


def exponent(regret):
    """p in regret ∝ nᵖ on the logarithmic scale, for 8 tries and more."""
    some = np.log(regret.sel(scale="log", tries=slice(8, None), drop=True))
    x = np.log(some.tries) - np.log(some.tries).mean()
    return xr.dot(some, x, dim="tries") / xr.dot(x, x)


SCALE, DECAYS = "formulas 2.5.1", "formulas 2.5.2"

# Margins: none but 0 where a direction is claimed; 0.01 nats is about the spread of losses between seeds. Exponent: the
# nearest of n tries is at a distance like 1/n from the best, and the loss is quadratic there; half is for noise.
PREDICTIONS = (
    *(
        lab.Greater(
            f"rates_{method.lower()}", f"{method}: best of 8 rates, linear scale has the larger regret (log₂ of ratio)",
            lambda r, method=method: advantage(rates(r, method)), source=SCALE,
        )
        for method in trials.METHODS
    ),
    lab.Less(
        "top_decade", "descent, whose best rates are above 0.1: the linear scale has the *smaller* regret (log₂)",
        lambda r: advantage(rates(r, "descent")), source="theory: the linear scale puts 90 % of its tries there",
    ),
    *(
        lab.Greater(
            f"wide_{method.lower()}", f"{method}: in the wider range the logarithm helps more (log₂, wide − usual)",
            lambda r, method=method: advantage(rates(r, method, "wide")) - advantage(rates(r, method)), source=SCALE,
        )
        for method in trials.METHODS
    ),
    lab.Greater(
        "four_times_the_tries", "Adam: 32 tries on a linear scale are worse than 8 on a logarithmic one (regret, nats)",
        lambda r: rates(r, "Adam").sel(scale="linear", tries=32, drop=True)
        - rates(r, "Adam").sel(scale="log", tries=8, drop=True), source=SCALE,
    ),
    lab.Less(
        "enough", "64 tries on a logarithmic scale come within 0.01 nats of the best (largest regret − 0.01)",
        lambda r: xr.concat(
            [rates(r, method).sel(scale="log", tries=64, drop=True) for method in trials.METHODS], "method"
        ).max("method") - 0.01, source=SCALE,
    ),
    lab.Equivalent(
        "square", "Adam: on a logarithmic scale regret falls like 1/n², n from 8 to 64 (exponent)",
        lambda r: exponent(rates(r, "Adam")), source="theory: a quadratic minimum", target=-2, within=0.5,
    ),
    *(
        lab.Greater(
            f"beta_{convention}_{span}",
            f"β from {ends}, {convention}: best of 8, linear in β has the larger regret (log₂ of ratio)",
            lambda r, convention=convention, span=span: advantage(decays(r, convention, span)), source=DECAYS,
        )
        for convention in trials.CONVENTIONS
        for span, ends in (("narrow", "0.9 to 0.999"), ("whole", "0 to 0.9999"))
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(6)
    of_rates, of_betas = losses(r)
    lab.figures.seeds(axes[0], of_rates, x="log10_rate", hue="method")
    axes[0].axvspan(-1, 0, color="black", alpha=0.08, linewidth=0)
    axes[0].set(title="Where the good rates are (shaded: 90 % of linear tries up to 1)", ylabel="test loss, nats")
    axes[0].set(xlabel="log₁₀ of the learning rate")
    for ax, method in zip(axes[1:4], trials.METHODS, strict=True):
        lab.figures.seeds(ax, rates(r, method), x="tries", hue="scale", log="xy")
        ax.set(title=f"{method}: regret of the best of n rates, 1e-4 to 1", xlabel="tries n", ylabel="regret, nats")
    lab.figures.seeds(axes[4], of_betas, x="log10_gap", hue="method")
    axes[4].set(title="Where the good β are", xlabel="log₁₀ of 1 − β (0.9999 to 0)", ylabel="test loss, nats")
    both = xr.concat([advantage(decays(r, name, "whole")) for name in trials.CONVENTIONS], "convention")
    narrow = xr.concat([advantage(decays(r, name, "narrow")) for name in trials.CONVENTIONS], "convention")
    shown = xr.concat([narrow, both], "span").assign_coords(
        span=["0.9 to 0.999", "0 to 0.9999"], convention=list(trials.CONVENTIONS)
    )
    lab.figures.dots(axes[5], shown, x="span", hue="convention")
    axes[5].axhline(0, color="black", linewidth=0.8)
    axes[5].set(
        title="β: above 0 the scale of 1 − β is better", xlabel="range of β", ylabel="log₂ of regrets, linear/log"
    )
    return figure


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "training": lab.Study(
            trials.training,
            {
                "tried": trials.grid(1), "rate_of_sum": 0.003, "rate_of_average": 0.3, "width": 16, "batch": 32,
                "steps": 100, "every": 100, "dataset": "digits",
            },
            data=images.load, dims={"loss": ("method",)},
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "tried": trials.grid(15), "width": 4, "batch": 8, "steps": 20, "every": 10,
        },
        "full": {"seeds": 64, "dataset": "mnist", "width": 256, "batch": 128, "steps": 2000, "every": 2000},
    },
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
