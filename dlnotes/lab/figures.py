"""Figures that show every seed: panels, seeds as thin lines or dots, and an SVG that follows the page's colors."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike
from xarray import DataArray

from dlnotes.lab import curves
from dlnotes.lab.animation import Trajectory
from dlnotes.lab.svg import BELOW, legend_columns, to_svg

__all__ = ["PALETTE", "dots", "legend_below", "panels", "seeds", "to_svg", "trajectory"]

PALETTE = ("#2a7fd4", "#d9690c", "#14966b", "#a266d9", "#dc4450", "#8c7d18", "#d6509f", "#1494a8")
"""Eight colors, each at least 3:1 against white and against near-black; "black" means the page's ink in either."""

DASHES = ("solid", (0, (4, 1.2)))
POINTS_A_LINE = 200
TICK_CHARACTERS = 56
POINTS_A_PANEL = 30_000
REPLICATES = ("seed", "repeat")


def panels(n: int, *, columns: int = 2, width: float = 4.6, height: float = 3.3) -> tuple[Figure, list[Axes]]:
    """A figure of `n` panels in `columns`, `width` × `height` inches each, and its axes in reading order.

    Give every panel a title that says what to see (long ones are wrapped) and axis labels with units. Write symbols in
    Unicode rather than TeX. Draw in `PALETTE`, or in "black" for what should follow the page's ink.
    """
    columns = max(1, min(columns, n))
    rows = -(-n // columns)
    figure = Figure(
        figsize=(width * columns, height * rows),
        layout=ConstrainedLayoutEngine(h_pad=0.09, w_pad=0.07),
        facecolor="none",
    )
    axes = [figure.add_subplot(rows, columns, place + 1) for place in range(n)]
    for ax in axes:
        ax.set_facecolor("none")
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", color="black", alpha=0.13, linewidth=0.7)
        ax.set_axisbelow(True)
        ax.tick_params(which="both", labelsize=9)
    return figure, axes


def seeds(
    ax: Axes,
    array: DataArray,
    x: str = "step",
    hue: str | None = None,
    labels: Mapping | Sequence[str] | None = None,
    log: str = "",
    colors: Sequence[str] = PALETTE,
    lost: str = "not finite",
    legend: bool = True,
) -> None:
    """Every seed as a thin line over `x`, their mean bold: arithmetic, or geometric where y is logarithmic.

    `array` has the dimensions x, "seed" (or "repeat") and `hue`, one color each; select or average any other first.
    `log` is "x", "y" or "xy". Where a seed stops being finite its line ends in ×, the legend counts such seeds, and
    the bold mean ends too: it is never an average over survivors. `lost` is the word for such seeds ("arrived" where
    NaN means that a seed has reached its target), "" for no word and no ×. `legend=False` where a panel beside has it.
    """
    replicate = _check(array, x, hue)
    _scales(ax, log)
    at, ticks = _positions(array, x)
    lines = 0 if not array.size else array.size // max(1, array.sizes[x])
    limit = int(np.clip(POINTS_A_PANEL // max(1, lines), 30, POINTS_A_LINE))
    for place, (label, arm) in enumerate(_arms(array, hue, labels)):
        rows = np.asarray(arm.transpose(*replicate, x), dtype=float).reshape(-1, len(at))
        color = colors[place % len(colors)]
        _thin_lines(ax, at, rows, color, limit)
        if lost:
            _crosses(ax, at, rows, color)
        dash = DASHES[(place // 4) % 2]
        middle = curves.thin(at, curves.mean(rows, _log(ax.yaxis)), limit, _log(ax.xaxis))
        ax.plot(*middle, color=color, linewidth=2, linestyle=dash, label=_counted(label, rows, lost), zorder=3)
    if ticks:
        ax.set_xticks(at, ticks)
    elif np.issubdtype(array[x].dtype, np.integer) and ax.get_xscale() == "linear":
        ax.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    if not ax.get_xlabel():
        ax.set_xlabel(x)
    if legend:
        legend_below(ax, hue)


def dots(
    ax: Axes,
    array: DataArray,
    x: str,
    hue: str | None = None,
    labels: Mapping | Sequence[str] | None = None,
    log: str = "",
    colors: Sequence[str] = PALETTE,
    legend: bool = True,
) -> None:
    """Every seed as a dot over each value of `x`, their mean as a bar: arithmetic, or geometric where y is logarithmic.

    Values of `x` stand side by side at equal distances, unless `log` has "x": then at their values. `labels` name the
    values of `hue`, or of `x` where there is no hue. Seeds that are not finite are counted in words.
    """
    replicate = _check(array, x, hue)
    _scales(ax, log)
    numeric = "x" in log
    at = np.log(np.asarray(array[x], dtype=float)) if numeric else np.arange(array.sizes[x], dtype=float)
    gap, back = (float(np.diff(np.sort(at)).min(initial=np.log(2))), np.exp) if numeric else (1.0, np.asarray)
    arms = _arms(array, hue, labels)
    for place, (label, arm) in enumerate(arms):
        rows = np.asarray(arm.transpose(*replicate, x), dtype=float).reshape(-1, len(at))
        spread = np.linspace(-0.36, 0.36, len(arms) + 1) if len(arms) > 1 else np.array([-0.22, 0.22])
        left, right = spread[place], spread[place + 1]
        inner = np.linspace(left, right, len(rows) + 2)[1:-1]
        across = back(at + gap * inner[:, None])
        color = colors[place % len(colors)]
        kept = curves.shown(rows, _log(ax.yaxis))
        ax.plot(across.ravel(), kept.ravel(), ".", color=color, markersize=5, alpha=0.6, markeredgewidth=0)
        name = _counted(label, rows) if hue else "_mean"
        ends = back(at + gap * left), back(at + gap * right)
        ax.hlines(curves.mean(rows, _log(ax.yaxis)), *ends, color=color, linewidth=2.4, label=name, zorder=3)
    names = _names(array[x].values, labels if hue is None else None)
    if hue is None:
        rows = np.asarray(array.transpose(*replicate, x), dtype=float).reshape(-1, len(at))
        names = [_counted(name, rows[:, [i]]) for i, name in enumerate(names)]
    ax.set_xticks(back(at), names)
    ax.set_xticks([], minor=True)
    if sum(map(len, names)) + len(names) > TICK_CHARACTERS:
        ax.tick_params(axis="x", labelrotation=30)
        for tick in ax.get_xticklabels():
            tick.set(ha="right", rotation_mode="anchor")
    if not numeric:
        ax.set_xlim(-0.6, len(at) - 0.4)
    if not ax.get_xlabel():
        ax.set_xlabel(x)
    if legend:
        legend_below(ax, hue)


def trajectory(ax: Axes, points: ArrayLike, color: str, label: str = "", width: float = 1.4) -> None:
    """A path through `points` [step, 2], the start first, that the SVG draws step by step, a dot ahead of it.

    All trajectories of a figure move together, equally long for every step, so that who arrives first is seen to, and
    begin again when all have arrived. Where nothing can move the whole path is there. It ends at the first point that
    is not finite, or ten times as far out as the axes are wide: set their limits. Raises ValueError on another shape.
    """
    path = np.asarray(points, dtype=float)
    if path.ndim != 2 or path.shape[1] != 2:
        raise ValueError(f"a trajectory is points [step, 2], got the shape {path.shape}")
    lost = ~np.isfinite(path).all(axis=1)
    path = path[: int(np.argmax(lost))] if lost.any() else path
    line = Trajectory(*path.T, color=color, linewidth=width, solid_capstyle="round", zorder=3)
    line.set_label(label or "_path")
    ax.add_line(line)
    ax.autoscale_view()


def _log(axis: Axis) -> bool:
    return axis.get_scale() == "log"


def _check(array: DataArray, x: str, hue: str | None) -> tuple[str, ...]:
    """The replicate dimension as a tuple of none or one; raises ValueError on dimensions that cannot be drawn."""
    missing = [name for name in (x, hue) if name is not None and name not in array.dims]
    replicate = tuple(name for name in REPLICATES if name in array.dims and name not in (x, hue))
    extra = [name for name in array.dims if name not in (x, hue, *replicate)]
    if missing or extra or len(replicate) > 1:
        wanted = ", ".join(name for name in ("seed", hue, x) if name)
        raise ValueError(
            f"the figure wants the dimensions {wanted}, got {array.dims}: select or average the others first"
        )
    return replicate


def _scales(ax: Axes, log: str) -> None:
    if set(log) - set("xy"):
        raise ValueError(f'log is "", "x", "y" or "xy", got {log!r}')
    if "x" in log:
        ax.set_xscale("log")
    if "y" in log:
        ax.set_yscale("log")


def _positions(array: DataArray, x: str) -> tuple[np.ndarray, list[str]]:
    values = array[x].values
    if np.issubdtype(values.dtype, np.number):
        return values.astype(float), []
    return np.arange(len(values), dtype=float), [str(value) for value in values]


def _names(values: np.ndarray, labels: Mapping | Sequence[str] | None) -> list[str]:
    if isinstance(labels, Mapping):
        return [_name(labels.get(value, value)) for value in values.tolist()]
    return [_name(label) for label in (values.tolist() if labels is None else labels)]


def _name(value: object) -> str:
    return f"{value:g}".replace("-", "−") if isinstance(value, int | float) else str(value)


def _arms(array: DataArray, hue: str | None, labels: Mapping | Sequence[str] | None) -> list[tuple[str, DataArray]]:
    if hue is None:
        return [("", array)]
    names = _names(array[hue].values, labels)
    return [(name, array.isel({hue: place})) for place, name in enumerate(names)]


def _counted(label: str, rows: np.ndarray, word: str = "not finite") -> str:
    """The label with the number of seeds that are somewhere not finite, where there are any."""
    lost = int((~np.isfinite(rows)).any(axis=1).sum())
    return f"{label}\n({lost} of {len(rows)} {word})".strip() if lost and word else label


def _thin_lines(ax: Axes, at: np.ndarray, rows: np.ndarray, color: str, limit: int) -> None:
    """All seeds of one arm."""
    shown = curves.shown(rows, _log(ax.yaxis))
    alpha = float(np.clip(5 / max(1, len(rows)), 0.1, 0.5))
    paths = [np.column_stack(curves.thin(at, row, limit, _log(ax.xaxis))) for row in shown]
    ax.add_collection(LineCollection(paths, colors=color, linewidths=0.7, alpha=alpha, zorder=2), autolim=False)
    finite = shown[np.isfinite(shown)]
    if finite.size:
        ax.update_datalim([(at.min(), finite.min()), (at.max(), finite.max())])
        ax.autoscale_view()


def _crosses(ax: Axes, at: np.ndarray, rows: np.ndarray, color: str) -> None:
    """× where a seed was last finite before it was lost."""
    shown = curves.shown(rows, _log(ax.yaxis))
    last = [(np.flatnonzero(~np.isfinite(row))[0] - 1, i) for i, row in enumerate(rows) if not np.isfinite(row).all()]
    ends = [(at[j], shown[i, j]) for j, i in last if j >= 0 and np.isfinite(shown[i, j])]
    if ends:
        ax.plot(*np.transpose(ends), "x", color=color, markersize=4, markeredgewidth=0.9, zorder=4)


def legend_below(ax: Axes, title: str | None = None) -> None:
    """The legend below the axis label, where it hides no data; none for a single arm without a note."""
    handles, names = ax.get_legend_handles_labels()
    if not names:
        return
    style = {
        "frameon": False,
        "fontsize": 9,
        "title_fontsize": 9,
        "borderpad": 0,
        "columnspacing": 1.2,
        "handlelength": 1.6,
    }
    place = {"loc": "upper left", "bbox_to_anchor": (0, 0), "alignment": "left"}
    ax.legend(handles, names, ncols=legend_columns(names), title=title, **place, **style).set_gid(BELOW)
