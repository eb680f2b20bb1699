"""Which way do the optimizers go?

Sources: ee147 Optimizing Gradient Descent (oscillations, momentum averages them away, Nesterov looks ahead, different
distances in different directions); cs182 3.1 to 3.3; lectures Momentum (poor conditioning); Polyak 1964; Nocedal &
Wright, Numerical Optimization, 2nd edition, sections 2.2 and 6.1. In float64.

Four functions of two variables: ½(x² + 20y²), the curved valleys of Rosenbrock and Beale, and a saddle between two
wells. Paths begin near a customary start: each seed adds N(0, 0.1²) to it. The six first-order methods have, for each
start, the best of 145 rates from 1e-4 to 3.2 that never climb above the start: that of the lowest mean logarithm of the
height over 100 steps. Momentum is 0.9, RMSProp's decay 0.99, Adam's 0.9 and 0.999. The three others search along their
direction (Wolfe's conditions, length 1 first), so that a step of theirs costs more; Newton's damping is just enough to
leave no curvature below 0.1. "Height" is what is left of the first height above the minimum.

To turn a function is to turn start and function alike, here by 30° or 90°; paths are turned back to be compared. A
"turn back" is a step at over 90° to the one before it. Both are counted until the height is a thousandth. In the figure
all steps take equally long, and it stands still under the pointer.

After several first runs the design was changed, no prediction: the grid of rates is eight times as fine, as descent's
best rate on the bowl lay between two of it, and it turns back most there; rates that climb are left out, as RMSProp's
first step had been 30 long; a line search's c₂ is 0.4, as conjugate gradients need less than ½; turned paths are
compared over 3 steps in place of 20, as a line search may branch on the last digit, and "the same way" leaves the bowl
out, where one seed in sixteen still does (last panel; we think the cubic that the search fits to a quadratic is 0/0).
Some verdicts hang on the grid: on the coarse one, zig-zags, straightness of the adaptive methods and momentum's speed
had been refuted, and Nesterov's lesser overshoot supported. Read small effects here accordingly.
"""

import jax
import numpy as np
import paths_trials as trials
import xarray as xr

from dlnotes import lab

MINIMA = {"quadratic": ((0.0, 0.0),), "Rosenbrock": ((1.0, 1.0),), "Beale": ((3.0, 0.5),)}
MINIMA["saddle"] = ((-1.0, 0.0), (1.0, 0.0))
ADAPTIVE = ["AdaGrad", "RMSProp", "Adam"]
INVARIANT = [name for name in trials.METHODS if name not in ADAPTIVE]
ARRIVED = 1e-3
EARLY = 4  # points


def measured(r, name, place, turn=0):
    """A measure on one function, turned so far, its methods called by name."""
    array = r.paths[name].assign_coords(solver=list(trials.METHODS), turn=list(trials.TURNS))
    return array.sel(place=place, turn=turn, drop=True)


def steps(r, place, turn=0, height=ARRIVED):
    """Steps to a height; one more than there are where it is not reached."""
    below = measured(r, "height", place, turn) <= height
    return xr.where(below.any("point"), below.argmax("point"), below.sizes["point"])


def legs(r, place, turn=0):
    """Steps as vectors until arrival, 0 after it."""
    way = measured(r, "path", place, turn).diff("point", label="lower")
    high = measured(r, "height", place, turn).isel(point=slice(-1)) > ARRIVED
    return way.where(high, 0.0)


def length(r, place, turn=0):
    """log₂ of the path's length over the distance from its start to the nearest minimum."""
    start = measured(r, "path", place, turn).isel(point=0)
    to = [np.sqrt(((start - np.array(point)) ** 2).sum("coordinate")) for point in MINIMA[place]]
    way = np.sqrt((legs(r, place, turn) ** 2).sum("coordinate")).sum("point")
    return np.log2(way / xr.concat(to, "minimum").min("minimum"))


def turns_back(r, place):
    """Share of the steps after the first that go back: at over 90° to the step before."""
    leg = legs(r, place)
    before, after = leg.isel(point=slice(-1)), leg.isel(point=slice(1, None))
    cosine = (before * after.assign_coords(before.coords)).sum("coordinate")
    moving = (after**2).sum("coordinate") > 0
    return (cosine < 0).sum("point") / moving.sum("point").clip(1)


def overshoot(r):
    """How far a path goes beyond the minimum along the flat axis, as a share of where it began."""
    x = measured(r, "path", "quadratic").isel(coordinate=0)
    return (-x / x.isel(point=0)).max("point").clip(0)


def over(array, *names):
    """The first named less the mean of the others."""
    return array.sel(solver=names[0], drop=True) - array.sel(solver=list(names[1:])).mean("solver")


def moved(r, turn, names, which, places=tuple(MINIMA)[1:]):
    """How far turning moves a path in its first steps, at the same rate: the most or least of some methods."""
    far = [measured(r, "moved", place, turn).isel(point=slice(EARLY)).max("point", skipna=False) for place in places]
    return getattr(xr.concat(far, "place").sel(solver=names), which)(("solver", "place"), skipna=False)


def mean_height(r, place):
    """Mean over the steps of log₁₀ of the height."""
    return np.log10(measured(r, "height", place)).mean("point")


EE147, LECTURES, NW = "ee147 Optimizing Gradient Descent", "lectures Momentum", "Nocedal & Wright"

# Margins. Of laws: rounding, 1e-16, may grow a thousandfold in each step of a search; 1e-6 is far below what is seen.
# Momentum's overshoot: a tenth can be seen. Turned adaptive paths: a twentieth.
PREDICTIONS = (
    lab.Greater(
        "descent_zigzags", "quadratic: over half of descent's steps turn back (share less ½)",
        lambda r: turns_back(r, "quadratic").sel(solver="descent", drop=True) - 0.5, source=EE147,
    ),
    lab.Less(
        "momentum_averages", "quadratic: fewer of momentum's steps turn back than of descent's (share)",
        lambda r: over(turns_back(r, "quadratic"), "momentum", "descent"), source=EE147,
    ),
    lab.Greater(
        "momentum_overshoots", "quadratic: momentum goes beyond the minimum by a tenth of the way or more",
        lambda r: overshoot(r).sel(solver="momentum", drop=True), source=EE147, margin=0.1,
    ),
    lab.Less(
        "nesterov_looks_ahead", "quadratic: Nesterov's method goes less far beyond it than momentum",
        lambda r: over(overshoot(r), "Nesterov", "momentum"), source=EE147,
    ),
    lab.Less(
        "nesterov_is_better", "on average over the four functions Nesterov's is lower than momentum (log₁₀ of height)",
        lambda r: sum(over(mean_height(r, place), "Nesterov", "momentum") for place in MINIMA) / len(MINIMA),
        source=EE147,
    ),
    lab.Greater(
        "momentum_is_faster", "quadratic: descent takes more steps than momentum (log₂)",
        lambda r: over(np.log2(steps(r, "quadratic")), "descent", "momentum"), source=LECTURES,
    ),
    lab.Less(
        "momentum_is_slower", "quadratic: it takes *fewer*, as 0.9 is too much for κ = 20, where 0.4 is best (log₂)",
        lambda r: over(np.log2(steps(r, "quadratic")), "descent", "momentum"), source="Polyak 1964",
    ),
    lab.Greater(
        "adaptive_is_straight", "quadratic: descent's path is longer than the adaptive methods' (log₂)",
        lambda r: over(length(r, "quadratic"), "descent", *ADAPTIVE), source=EE147,
    ),
    lab.Greater(
        "adaptive_is_straight_when_turned", "so it is when the quadratic is turned by 30° (log₂)",
        lambda r: over(length(r, "quadratic", 30), "descent", *ADAPTIVE), source=EE147,
    ),
    lab.Greater(
        "axes_matter", "turning the quadratic by 30° costs adaptive methods steps (log₂)",
        lambda r: (np.log2(steps(r, "quadratic", 30)) - np.log2(steps(r, "quadratic")))
        .sel(solver=ADAPTIVE).mean("solver"), source="ours",
    ),
    lab.Equivalent(
        "turning_changes_nothing",
        "quadratic left out: turned by 30° descent, momentum, Nesterov, Newton, BFGS, CG go the same way (3 steps)",
        lambda r: moved(r, 30, INVARIANT, "max"), source=f"{NW}, section 6.1", within=1e-6,
    ),
    lab.Greater(
        "turning_moves_adaptive", "AdaGrad, RMSProp and Adam then go another way on all four (least distance)",
        lambda r: moved(r, 30, ADAPTIVE, "min", tuple(MINIMA)), source="ours", margin=0.05,
    ),
    lab.Equivalent(
        "quarter_turn_changes_nothing",
        "quadratic left out: a turn by 90°, which swaps the axes, changes no method's way (3 steps)",
        lambda r: moved(r, 90, list(trials.METHODS), "max"), source="ours", within=1e-6,
    ),
    lab.Equivalent(
        "newton_goes_straight", "quadratic: Newton's path is straight (log₂ of its length over the distance)",
        lambda r: length(r, "quadratic").sel(solver="Newton", drop=True), source="cs182 3.2", within=1e-6,
    ),
    lab.Greater(
        "adaptive_leaves_the_saddle", "descent stays longer at the saddle than adaptive methods (log₂ of steps)",
        lambda r: over(np.log2(steps(r, "saddle", height=1 / 6)), "descent", *ADAPTIVE), source=EE147,
    ),
    lab.Greater(
        "momentum_leaves_the_saddle", "and longer than momentum (log₂ of steps)",
        lambda r: over(np.log2(steps(r, "saddle", height=1 / 6)), "descent", "momentum"), source="cs182 3.3.1",
    ),
)  # fmt: skip


WINDOWS = {
    "quadratic": (-4.7, 2.3, -3.3, 2.3), "Rosenbrock": (-1.8, 1.6, -0.7, 2.0), "Beale": (0.3, 4.6, -1.2, 1.5),
    "saddle": (-1.5, 1.5, -1.0, 1.4),
}  # fmt: skip
TITLES = {
    "quadratic": "A narrow bowl, turned by 30°: descent zig-zags, Newton goes straight",
    "Rosenbrock": "Rosenbrock's valley: down is easy, along is not", "Beale": "Beale's valley",
    "saddle": "A saddle between two wells: who leaves it first?",
}  # fmt: skip
COLORS = dict(zip(trials.METHODS, (*lab.figures.PALETTE[:6], "black", *lab.figures.PALETTE[6:]), strict=True))


def draw(r):
    """Paths of the first seed, moving; the steps that all seeds took; how far turning moves a path."""
    figure, axes = lab.figures.panels(6, height=3.8)
    drawn = (trials.FIRST, trials.SECOND)
    for i, (ax, place) in enumerate(zip(axes[:4], MINIMA, strict=True)):
        draw_paths(ax, r, place, turn=30 if place == "quadratic" else 0, named=drawn[i % 2] if i > 1 else ())
    for ax, title in zip(axes[2:4], ("with a learning rate", "with a line search"), strict=True):
        lab.figures.legend_below(ax, title)
    counts = xr.concat([steps(r, place) for place in MINIMA], "function").assign_coords(function=list(MINIMA))
    lab.figures.dots(axes[4], counts, x="solver", hue="function", log="y")
    most = measured(r, "height", "saddle").sizes["point"]
    axes[4].axhline(most, color="black", linewidth=0.8, linestyle=":")
    axes[4].set(title="Steps to a thousandth of the height (dotted: not reached)", xlabel="", ylabel="steps")
    far = [measured(r, "moved", "quadratic", turn).isel(point=slice(EARLY)).max("point") for turn in (30, 90)]
    far = xr.concat(far, "turn").assign_coords(turn=["30°", "90°"]).clip(1e-17)
    lab.figures.dots(axes[5], far, x="solver", hue="turn", log="y")
    axes[5].set(title="The bowl turned: who goes another way, at the same rate?", xlabel="", ylabel="farthest distance")
    return figure


def draw_paths(ax, r, place, turn, named):
    """Contours at equal ratios of the height, and every method's path over them."""
    x0, x1, y0, y1 = WINDOWS[place]
    grid = np.stack(np.meshgrid(np.linspace(x0, x1, 80), np.linspace(y0, y1, 80)), axis=-1)
    cosine, sine = trials.TURNS[turn]
    back = np.array([[cosine, -sine], [sine, cosine]])
    height = np.asarray(jax.vmap(jax.vmap(trials.PLACES[place].fun))(grid @ back)) - trials.PLACES[place].lowest
    levels = np.linspace(0.02, 1, 12) if place == "saddle" else np.geomspace(2e-3, 1, 10) * height.max()
    ax.contour(*np.moveaxis(grid, -1, 0), height, levels, colors="black", alpha=0.28, linewidths=0.5)
    ax.plot(*(np.array(MINIMA[place]) @ back.T).T, "+", color="black", markersize=9, zorder=4)
    way = measured(r, "path", place, turn).isel(seed=0).transpose("solver", "point", "coordinate")
    for name in trials.METHODS:
        label = name if name in named else ""
        lab.figures.trajectory(ax, way.sel(solver=name).values @ back.T, COLORS[name], label)
    ax.plot(*back @ way[0, 0].values, "o", color="black", markersize=5, markerfacecolor="none", zorder=4)
    ax.grid(False)
    ax.set(title=TITLES[place], xlim=(x0, x1), ylim=(y0, y1), xticks=[], yticks=[])


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={
        "paths": lab.Study(
            trials.paths,
            {"place": {name: i for i, name in enumerate(trials.PLACES)}, "spread": 0.1, "steps": 100},
            dims={
                "path": ("turn", "solver", "point", "coordinate"), "height": ("turn", "solver", "point"),
                "rate": ("turn", "solver"), "moved": ("turn", "solver", "point"),
            },
        ),
    },
    predictions=PREDICTIONS,
    draw=draw,
    presets={"quick": {"seeds": 4, "steps": 40}, "full": {"seeds": 256, "steps": 400}},
    x64=True,
)  # fmt: skip
