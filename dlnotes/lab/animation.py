"""Paths that an SVG draws step by step, with a moving dot: all in step with each other, without a script.

Where nothing can move (print, a reader who wants less motion, an old viewer) the whole paths are there, a dot at each
end. Everything hangs on one inherited property, `stroke-dashoffset`, as that is animated alike by all browsers, also
in an `<img>`: a line is a dash as long as itself that is pushed along, its dot a dash of length 0 with round ends.
"""

import re

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

MOTION, PAUSE = 9.0, 3.0  # seconds of each round
DOT = 7.0  # points
TOLERANCE = 0.4  # points that a dot may be off where it should be
FAR = 10  # axes widths


class Trajectory(Line2D):
    """A line through points one step apart; where they are on the page is known once it has been drawn."""

    on_page = np.empty((0, 2))

    def draw(self, renderer) -> None:
        super().draw(renderer)
        if self.axes is None:
            return
        x0, y0, x1, y1 = self.axes.bbox.extents
        x, y = self.get_transform().transform(self.get_xydata()).T
        far = (abs(x - (x0 + x1) / 2) > FAR * (x1 - x0)) | (abs(y - (y0 + y1) / 2) > FAR * (y1 - y0))
        kept = int(np.argmax(far)) if far.any() else len(x)
        _, height = renderer.get_canvas_width_height()
        self.on_page = np.column_stack([x, height - y])[:kept].round(1)


def prepare(figure: Figure) -> list[Trajectory]:
    """The figure's trajectories, named so that `animate` finds them in its SVG."""
    found = [artist for artist in figure.findobj(Trajectory) if isinstance(artist, Trajectory)]
    for i, line in enumerate(found):
        line.set_gid(f"trajectory{i}")
    return found


def animate(svg: str, lines: list[Trajectory]) -> tuple[str, str]:
    """The SVG with a dot on each of these lines, and the style that moves them; every name in the style begins with §.

    A step takes equally long on all lines: who has fewer stands still at its end until the next round.
    """
    steps = max((len(line.on_page) for line in lines), default=0) - 1
    rules, frames = [], []
    for i, line in enumerate(lines):
        name, points = f"trajectory{i}", line.on_page
        if len(points) == 0:
            continue
        lengths = np.concatenate([[0.0], np.hypot(*np.diff(points, axis=0).T).cumsum()])
        period = _number(lengths[-1] + 1)
        svg = re.sub(rf'(<g id="{name}")>\s*<path d="[^"]*"([^>]*)/>', _drawn(name, points, period), svg, count=1)
        if lengths[-1] > 0:
            rules.append(f"#§{name}{{stroke-dasharray:{period};animation:§{name} {MOTION + PAUSE:g}s linear infinite}}")
            frames.append(f"@keyframes §{name}{{{_keyframes(lengths, steps)}}}")
    if not rules:
        return svg, ""
    rules.append(",".join(f"svg:hover #§trajectory{i}" for i in range(len(lines))) + "{animation-play-state:paused}")
    moving = f"@media screen and (prefers-reduced-motion:no-preference){{{''.join(rules)}}}"
    return svg, "\n".join(["<style>", moving, *frames, "</style>\n"])


def _drawn(name: str, points: np.ndarray, period: str):
    """What a regular expression puts in a path's place: the path from point to point, and the dot at its end."""
    x, y = points.T
    moved = np.concatenate([[True], (np.diff(points, axis=0) != 0).any(axis=1)])
    way = "L".join(f"{_number(a)} {_number(b)}" for a, b in zip(x[moved], y[moved], strict=True))
    way = f"M{way}" if moved.sum() > 1 else f"M{way}h0.01"
    dot = f"stroke-width: {DOT:g}; stroke-dasharray: 0 {period}"

    def replace(match: re.Match) -> str:
        path = f'<path id="{name}-path" d="{way}"/>'
        return f'{match[1]} stroke-dashoffset="1"{match[2]}>{path}<use href="#{name}-path" style="{dot}"/>'

    return replace


def _keyframes(lengths: np.ndarray, steps: int) -> str:
    """Offsets at the steps, those left out at which the dot would be as good as there anyway."""
    kept, last = [0], len(lengths) - 1
    while kept[-1] < last:
        kept.append(_reach(lengths, kept[-1]))
    share = 100 * MOTION / (MOTION + PAUSE) / max(steps, 1)
    # 1 behind the end for a path of its whole length: see `animate`'s period
    offsets = [_number(lengths[-1] + 1 - lengths[k]) for k in kept]
    frames = [f"{_number(share * k, 2)}%{{stroke-dashoffset:{o}}}" for k, o in zip(kept[:-1], offsets, strict=False)]
    return "".join(frames) + f"{_number(share * last, 2)}%,100%{{stroke-dashoffset:{offsets[-1]}}}"


def _reach(lengths: np.ndarray, first: int) -> int:
    """The farthest step to which the dot may run evenly from this one."""
    far = first + 1
    for end in range(first + 2, len(lengths)):
        even = np.linspace(lengths[first], lengths[end], end - first + 1)
        if np.abs(even - lengths[first : end + 1]).max() > TOLERANCE:
            break
        far = end
    return far


def _number(value: float, digits: int = 1) -> str:
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
