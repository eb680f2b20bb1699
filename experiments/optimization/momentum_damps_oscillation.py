"""Does momentum average zig-zags away, and does it speed up descent on narrow valleys and on noisy gradients?

Sources: ee147 Optimizing Gradient Descent; cs182 3.3.1; lectures Momentum (high curvature, small consistent gradients,
noisy gradients); Polyak 1964. All in float64.

Along each axis of a quadratic the heavy ball v ← αv − εg, θ ← θ + v is a swing with friction, known exactly from the
roots of r² − (1 + α − ελ)r + α = 0 (λ: the curvature). Without momentum the error changes its sign at every step where
ελ is between 1 and 2. "Zig-zag" is all the way that is travelled along an axis, in units of the distance at the start.
In "valleys" the curvature of five axes goes from 1/κ to 1 at equal ratios, starts are N(0, I), and a run ends when the
distance to the minimum is a thousandth of what it was, or after `cap` steps, which then stand for their number. The
best rate is that of the fewest steps, on average over seeds, in a grid from 3 % to 99 % of the largest stable rate
2(1 + α)/λ.

"At the same rate" is at the same ε. In the long run one small constant gradient moves the heavy ball by ε/(1 − α), the
effective rate: "at the same effective rate" the momentum takes a share 1 − α of ε, as the formulas' average does.

After the first quick run a path that stops at exactly 0 on its way counts as a change of sign; that run missed all such
at ελ = α = ½. No margin was moved.
"""

import numpy as np
import oscillation_trials as trials
import xarray as xr

from dlnotes import lab
from dlnotes.maths import quadratics


def swing(of: xr.DataArray) -> xr.DataArray:
    """|arg r₁|/π at the coordinates of `of`: the share of steps at which the sign should change."""
    stiffness, momentum = xr.broadcast(of.stiffness, of.momentum)
    roots = np.asarray(quadratics.momentum_roots(stiffness.values, momentum.values))
    return stiffness.copy(data=np.abs(np.angle(roots[0])) / np.pi)


def noise_law(of: xr.DataArray) -> xr.DataArray:
    """The stationary variance at the coordinates of `of`."""
    stiffness, momentum, averaged = xr.broadcast(of.stiffness, of.momentum, averages(of))
    rate = stiffness * (1 - averaged * momentum)
    return stiffness.copy(data=np.asarray(quadratics.momentum_noise(rate.values, momentum.values)) * rate.values**2)


def averages(of: xr.DataArray) -> xr.DataArray:
    """1 where the rate is the effective one."""
    return of.averaged.copy(data=(of.averaged.values == "same effective rate").astype(float))


def steeper(r, momentum, stiffness, measure="zigzag"):
    """log₁₀ of the zig-zag with momentum over that without, at the same ελ."""
    found = r.steep[measure].sel(stiffness=stiffness)
    return np.log10(found.sel(momentum=momentum, drop=True) / found.sel(momentum=0.0, drop=True))


def changes(r, stiffness, momentum):
    return r.steep.sign_changes.sel(stiffness=stiffness, momentum=momentum, drop=True)


def at_best(r, measure: str, momentum: slice | float) -> xr.DataArray:
    """A measure at the rate, and momentum if there is a choice, of fewest steps for each κ."""
    data = r.valley[[measure, "steps"]].sel(momentum=momentum)
    if "momentum" not in data.dims:
        data = data.expand_dims("momentum")
    cells = data.stack(cell=("momentum", "rate")).reset_index("cell")
    place = cells.steps.mean("seed").argmin("cell")
    return cells[measure].isel(cell=place)


PLAIN, SOME = 0.0, slice(0.01, 1)


def exponent(array: xr.DataArray) -> xr.DataArray:
    """p in array ∝ κᵖ, by least squares."""
    return lab.exponent(array, array.condition)


def saved(r, measure, condition=1e3):
    """log₁₀ of a count at momentum's best settings over that at descent's."""
    some, plain = (at_best(r, measure, which).sel(condition=condition) for which in (SOME, PLAIN))
    return np.log10(some / plain).drop_vars(("momentum", "rate"), errors="ignore")


def share(r, condition=1e3):
    """Sign changes a step along the steepest axis: momentum's less descent's, each at its best."""
    of = [
        (at_best(r, "sign_changes", which) / at_best(r, "steps", which)).sel(condition=condition, drop=True)
        for which in (SOME, PLAIN)
    ]
    return (of[0] - of[1]).drop_vars(("momentum", "rate"), errors="ignore")


def noisier(r, averaged, stiffness, momentum=0.9):
    """log₁₀ of the variance with momentum over that without."""
    found = r.noise.variance.sel(averaged=averaged, stiffness=stiffness, drop=True)
    return np.log10(found.sel(momentum=momentum, drop=True) / found.sel(momentum=0.0, drop=True))


EE147, CS182, LECTURES = "ee147 Optimizing Gradient Descent", "cs182 3.3.1", "lectures Momentum"
NOTES, POLYAK, THEORY = f"{EE147}; {CS182}", "Polyak 1964", "the roots of the heavy ball"

# Tolerances. Sign changes: a swing of angle ω shows kω/π of them after k steps, up to one, and k is 400. Exponents: a
# constant beside κ or √κ moves them, and grids in α and ε; half as far as from 1 to ½ would be too much. Variance: a
# tenth of it is three times what 32 seeds can tell. Gain: 0.99²⁰⁰⁰ = 2e-9. "Tenfold" is log₁₀ = 1.
PREDICTIONS = (
    lab.Equivalent(
        "swing", "along an axis the sign changes at arg(r₁)/π of the steps (largest difference over ελ and α)",
        lambda r: abs(r.steep.sign_changes - swing(r.steep.sign_changes)).max(("stiffness", "momentum")),
        source=THEORY, within=0.005,
    ),
    lab.Less(
        "fewer_sign_changes", "same rate, ελ = 1.9: the sign changes less often with α = 0.9 (per step)",
        lambda r: changes(r, 1.9, 0.9) - changes(r, 1.9, 0.0), source=NOTES, margin=0.1,
    ),
    lab.Less(
        "less_zigzag", "same rate, ελ = 1.5: less zig-zag with α = 0.9 (log₁₀)",
        lambda r: steeper(r, 0.9, 1.5), source=NOTES,
    ),
    lab.Less(
        "less_zigzag_at_the_edge", "same rate, ελ = 1.99, beyond 1 + √α: less than a third of the zig-zag (log₁₀)",
        lambda r: steeper(r, 0.9, 1.99), source=THEORY, margin=float(np.log10(3)),
    ),
    lab.Equivalent(
        "no_swings_of_its_own", "same rate, ελ = 0.5: momentum 0.9 adds no sign changes (per step)",
        lambda r: changes(r, 0.5, 0.9) - changes(r, 0.5, 0.0), source=NOTES, within=0.01,
    ),
    lab.Greater(
        "near_one", "α = 0.99 zig-zags over ten times as far as descent, ελ = 1.5 (log₁₀)",
        lambda r: steeper(r, 0.99, 1.5), source=THEORY, margin=1,
    ),
    lab.Equivalent(
        "descent_exponent", "steps of descent at its best rate grow like κ (exponent)",
        lambda r: exponent(at_best(r, "steps", PLAIN)), source=POLYAK, target=1, within=0.1,
    ),
    lab.Equivalent(
        "momentum_exponent", "those of momentum at its best α and rate grow like √κ (exponent)",
        lambda r: exponent(at_best(r, "steps", SOME)), source=POLYAK, target=0.5, within=0.1,
    ),
    lab.Equivalent(
        "fixed_momentum_exponent", "with α = 0.9 for every κ they grow like κ again, κ ≥ 1000 (exponent)",
        lambda r: exponent(at_best(r, "steps", 0.9).sel(condition=slice(1e3, None))), source=THEORY, target=1,
        within=0.2,
    ),
    lab.Less(
        "fewer_at_best", "κ = 1000, each at its best: a third of the sign changes on the way, or fewer (log₁₀)",
        lambda r: saved(r, "sign_changes"), source=f"{NOTES}; {LECTURES}", margin=float(np.log10(3)),
    ),
    lab.Less(
        "fewer_a_step_at_best", "κ = 1000, each at its best: fewer sign changes a step (by 0.1)",
        lambda r: share(r), source=NOTES, margin=0.1,
    ),
    lab.Equivalent(
        "gain", "a constant gradient moves momentum 1/(1 − α) times as far a step (largest relative difference)",
        lambda r: abs(
            (r.noise.gain * (1 - r.noise.momentum)).sel(averaged="same rate").isel(stiffness=0, drop=True) - 1
        ).max("momentum").drop_vars("averaged"), source=LECTURES, within=1e-6,
    ),
    lab.Equivalent(
        "noise", "noise leaves (1+α)ε²σ²/((1−α)ελ(2(1+α)−ελ)) (mean absolute log of the ratio to this law)",
        lambda r: abs(np.log(r.noise.variance / noise_law(r.noise.variance)))
        .mean(("stiffness", "momentum", "averaged")),
        source=THEORY, within=0.1,
    ),
    lab.Less(
        "less_noise", "same rate, ελ = 0.1: noise leaves less with α = 0.9 (log₁₀ of the variance)",
        lambda r: noisier(r, "same rate", 0.1), source=LECTURES,
    ),
    lab.Equivalent(
        "same_noise_when_small", "same effective rate, small (0.01): momentum changes nothing (log₁₀ of the variance)",
        lambda r: noisier(r, "same effective rate", 0.01), source=THEORY, within=0.05,
    ),
    lab.Less(
        "less_noise_when_large", "same effective rate, large (1.9): less than a tenth of the variance (log₁₀)",
        lambda r: noisier(r, "same effective rate", 1.9), source=THEORY, margin=1,
    ),
)  # fmt: skip


def draw(r):
    figure, axes = lab.figures.panels(8)
    draw_axis(r, axes[:3])
    draw_valleys(r, axes[3:6])
    for ax, averaged in zip(axes[6:], ("same rate", "same effective rate"), strict=True):
        found = r.noise.variance.sel(averaged=averaged)
        lab.figures.seeds(ax, found, x="stiffness", hue="momentum", log="xy")
        for law in noise_law(r.noise.variance).sel(averaged=averaged).transpose("momentum", "stiffness"):
            ax.plot(law.stiffness, law, color="black", linestyle=":", linewidth=1, zorder=5)
        ax.set(xlabel="rate × curvature", ylabel="variance that noise leaves")
    axes[6].set(title="Same rate: momentum amplifies the noise (dotted: exact)")
    axes[7].set(title="Same effective rate: it filters noise only where rates are large", xlabel="effective ελ")
    return figure


def draw_axis(r, axes):
    """The swing along one axis, its sign changes, its zig-zag."""
    path = r.steep.path.sel(stiffness=1.5, momentum=[0.0, 0.5, 0.9])
    lab.figures.seeds(axes[0], path, x="k", hue="momentum")
    axes[0].set(title="ελ = 1.5: descent zig-zags briefly, momentum 0.9 swings on", xlabel="step")
    axes[0].set(ylabel="error along the axis")
    lab.figures.seeds(axes[1], r.steep.sign_changes, x="stiffness", hue="momentum")
    for law in swing(r.steep.sign_changes).transpose("momentum", "stiffness"):
        axes[1].plot(law.stiffness, law, color="black", linestyle=":", linewidth=1, zorder=5)
    title = "Momentum takes zig-zags from large rates, and gives them to small ones (dotted: exact)"
    axes[1].set(title=title, xlabel="rate × curvature, ελ", ylabel="sign changes a step")
    lab.figures.seeds(axes[2], r.steep.zigzag, x="stiffness", hue="momentum", log="y")
    axes[2].set(title="It shortens the zig-zag only at the edge of stability", xlabel="rate × curvature, ελ")
    axes[2].set(ylabel="way travelled / distance at the start")


def draw_valleys(r, axes):
    """Steps, sign changes and the best momentum against κ."""
    which = {"descent": PLAIN, "momentum 0.9": 0.9, "best momentum": SOME}

    def each(measure):
        found = [at_best(r, measure, place).drop_vars(("momentum", "rate")) for place in which.values()]
        return xr.concat(found, "method").assign_coords(method=list(which))

    kappa = r.valley.condition
    lab.figures.dots(axes[0], each("steps"), x="condition", hue="method", log="xy")
    axes[0].plot(kappa, 3.5 * kappa, kappa, 5 * kappa**0.5, color="black", linestyle=":", linewidth=0.8)
    axes[0].set(
        title="Narrow valleys: √κ, if α grows with κ (dotted: like κ, like √κ)", ylabel="steps, at the best rate"
    )
    lab.figures.dots(axes[1], each("sign_changes") / each("steps"), x="condition", hue="method")
    axes[1].set(title="How often the sign changes at the best settings", ylabel="sign changes a step, steepest axis")
    best = at_best(r, "steps", SOME)
    axes[2].plot(kappa, best.momentum, "o", color=lab.figures.PALETTE[2], label="best in the grid")
    law = [quadratics.heavy_ball_steps(1.0, float(k)).momentum for k in kappa]
    axes[2].plot(kappa, law, color="black", linestyle=":", label="((√κ − 1)/(√κ + 1))²")
    axes[2].legend(fontsize=8, frameon=False)
    axes[2].set(title="The best momentum nears 1 as valleys narrow", ylabel="best momentum α", xscale="log")
    for ax in axes:
        ax.set_xlabel("condition number κ")


MOMENTA = (0.0, 0.5, 0.9, 0.99)
EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "steep": lab.Study(
            trials.along_steep,
            {"stiffness": (0.5, 1.0, 1.5, 1.9, 1.99), "momentum": MOMENTA, "steps": 400, "shown": 31},
            dims={"path": ("k",)},
        ),
        "valley": lab.Study(
            trials.valley, {
                "condition": (10.0, 100.0, 1e3, 1e4), "momentum": (0.0, 0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98),
                "rate": (0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99), "axes": 5, "cap": 40_000,
            },
        ),
        "noise": lab.Study(
            trials.noisy, {
                "stiffness": (0.01, 0.1, 1.0, 1.9), "momentum": MOMENTA,
                "averaged": {"same rate": 0.0, "same effective rate": 1.0},
                "coordinates": 64, "steps": 4000, "wait": 1000,
            },
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={
        "quick": {
            "seeds": 4, "valley.condition": (10.0, 100.0, 1e3), "valley.cap": 4000, "noise.coordinates": 16,
            "valley.momentum": (0.0, 0.5, 0.7, 0.9), "valley.rate": (0.5, 0.9, 0.97, 0.99),
        },
        "full": {"seeds": 64, "valley.condition": (10.0, 100.0, 1e3, 1e4, 1e5), "valley.cap": 400_000,
                 "valley.momentum": (0.0, 0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99),
                 "noise.steps": 20_000, "noise.coordinates": 256},
    },
    x64=True,
)  # fmt: skip

if __name__ == "__main__":
    lab.main(__file__)
