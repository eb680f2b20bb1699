"""A matplotlib figure as SVG text that can stand inside a page: its ink is the page's, its names are its own."""

import hashlib
import io
import math
import re
import textwrap
from typing import Any
from xml.sax.saxutils import escape

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.ticker import LogFormatter, LogFormatterSciNotation
from matplotlib.transforms import ScaledTranslation

from dlnotes.lab import animation

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
STYLE: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "dlnotes", "path.simplify": True}
BELOW = "below"
INK = re.compile(r"#0{6}\b")
FAMILY = re.compile(r"'DejaVu Sans'[^;\"]*")
LEAKING = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>\s*|<metadata>.*?</metadata>\s*|<!--.*?-->\s*", re.DOTALL)
NUMBER = re.compile(r"-?\d+\.\d{3,}")


class PowerLabels(LogFormatterSciNotation):
    """Labels of a logarithmic axis in Unicode: 0.01, 1, 100, 10⁻⁵, 3×10⁶."""

    def __call__(self, x, pos=None) -> str:
        return power_label(float(x)) if x > 0 and super().__call__(x, pos) else ""


def power_label(value: float) -> str:
    """A positive number as an axis says it: plain from 0.001 to 10000, otherwise mantissa × power of ten."""
    if value * (1 + 1e-9) >= 1e-3 and value <= 1e4 * (1 + 1e-9):
        return f"{value:.5g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    power = "10" + str(int(exponent)).translate(SUPERSCRIPTS)
    short = f"{float(mantissa):g}"
    return power if short == "1" else f"{short}×{power}"


def to_svg(figure: Figure, title: str = "") -> str:
    """The figure as one `<svg role="img">` with a title for screen readers.

    Black becomes `currentColor`, the background is transparent, text stays text in the page's font; identifiers carry a
    prefix of their own, so that figures can share a page; the same figure gives the same bytes. Trajectories move.
    """
    for ax in figure.axes:
        _settle(ax, figure.get_figwidth())
    for legend in figure.findobj(Legend):
        legend.set_frame_on(False)
    for ax in figure.axes:
        _place_legend(ax)
    moving = animation.prepare(figure)
    buffer, height = io.StringIO(), figure.get_figheight()
    figure.set_figheight(height + _room_for_legends(figure))
    with matplotlib.rc_context(STYLE):
        figure.savefig(
            buffer, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    figure.set_figheight(height)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = LEAKING.sub("", svg)
    svg = svg.replace("xlink:href", "href").replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "")
    svg = INK.sub("currentColor", svg)
    svg = FAMILY.sub("system-ui, sans-serif", svg)
    svg = re.sub(r' transform="rotate\(-0 [^"]*"', "", svg)
    svg = re.sub(r' (d|x|y)="[^"]*"', lambda match: NUMBER.sub(_rounded, match[0]), svg)
    svg = re.sub(r"\n +", "\n", re.sub(r" *\n *(?=[LMz] )", " ", svg))
    return _entitled(_own_names(*animation.animate(svg, moving)), title or _spoken(figure))


def _settle(ax: Axes, inches: float) -> None:
    """Titles wrapped and to the left; logarithmic axes labelled in Unicode."""
    spec = ax.get_subplotspec()
    share = inches / (spec.get_gridspec().ncols if spec is not None else 1)
    title = ax.get_title() or ax.get_title(loc="left")
    if title:
        wrapped = title if "\n" in title else textwrap.fill(title, max(20, int(share * 9.6)))
        ax.set_title("")
        ax.set_title(wrapped, loc="left", fontsize=10.5, fontweight="bold")
    if len(ax.get_ylabel()) > 34 and "\n" not in ax.get_ylabel():
        ax.set_ylabel(textwrap.fill(ax.get_ylabel(), 34))
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set_fontsize(9.5)
        if isinstance(axis.get_major_formatter(), LogFormatter):
            axis.set_major_formatter(PowerLabels())
            axis.set_minor_formatter(PowerLabels(labelOnlyBase=False))


def _place_legend(ax: Axes) -> None:
    """A legend that belongs below the axis label: as far down as the tick labels reach."""
    legend = ax.get_legend()
    if legend is None or legend.get_gid() != BELOW:
        return
    ticks = [text for text in ax.get_xticklabels() if text.get_text()]
    lines = max((len(text.get_text().splitlines()) for text in ticks), default=1)
    longest = max((len(text.get_text()) for text in ticks), default=0)
    turn = math.radians(ticks[0].get_rotation() if ticks else 0)
    points = 26 + 11 * lines * math.cos(turn) + 4.6 * longest * math.sin(turn)
    down = ScaledTranslation(0, -points / 72, ax.figure.dpi_scale_trans)
    legend.set_bbox_to_anchor((0, 0), transform=ax.transAxes + down)


def legend_columns(names: list[str]) -> int:
    """How many columns of these entries fit below one panel."""
    longest = max((len(line) for name in names for line in name.splitlines()), default=0)
    return min(4, max(1, 62 // (longest + 6)))


def _room_for_legends(figure: Figure) -> float:
    """Inches to add so that legends below the panels do not squeeze them: the tallest of each row of panels."""
    rows: dict[int, float] = {}
    for ax in figure.axes:
        legend, spec = ax.get_legend(), ax.get_subplotspec()
        if legend is not None and spec is not None:
            names = [text.get_text() for text in legend.get_texts()]
            lines = -(-len(names) // legend_columns(names)) + 1
            rows[spec.rowspan.start] = max(rows.get(spec.rowspan.start, 0.0), 0.19 * lines)
    return sum(rows.values())


def _rounded(match: re.Match) -> str:
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")


def _own_names(svg: str, style: str) -> str:
    """Identifiers that are used, behind a prefix made from the content; the others are dropped. § marks the style's."""
    used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg))
    names = {first or second for first, second in used} | set(re.findall(r"#§(\w+)", style))
    prefix = "f" + hashlib.sha256((svg + style).encode()).hexdigest()[:10]
    svg = re.sub(r' id="([^"]+)"', lambda match: f' id="{prefix}-{match[1]}"' if match[1] in names else "", svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\1{prefix}-", svg)
    return svg.replace("</svg>", style.replace("§", f"{prefix}-") + "</svg>")


def _spoken(figure: Figure) -> str:
    titles = [" ".join(ax.get_title(loc="left").split()) for ax in figure.axes]
    return "Figure. " + "; ".join(title for title in titles if title) if any(titles) else "Figure"


def _entitled(svg: str, title: str) -> str:
    name = "t" + hashlib.sha256(svg.encode()).hexdigest()[:10]
    head, body = svg.split(">", 1)
    head += f' role="img" aria-labelledby="{name}" fill="currentColor" stroke-linejoin="round"'
    return f'{head}>\n<title id="{name}">{escape(title)}</title>{body}'
