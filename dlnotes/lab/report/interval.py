"""A small drawing of an effect with its interval against the range that was claimed."""

import math
from xml.sax.saxutils import escape

from dlnotes.lab.report import words
from dlnotes.lab.verdicts import Verdict, bounds

WIDTH, HEIGHT, PAD = 240, 46, 14
MIDDLE, FLOOR = 16, 31
LABEL_ROOM = 44


def draw(verdict: Verdict) -> str:
    """Inline SVG: the claimed range shaded up to its margin, the interval as a bar, the mean as a dot, zero dotted."""
    ends = [end for end in bounds(verdict) if math.isfinite(end)]
    known = [value for value in (verdict.effect, verdict.low, verdict.high) if math.isfinite(value)]
    if not known:
        return ""
    at = _scale([*known, *ends, *([0.0] if _near_zero(known, ends) else [])])
    parts = [_claimed(verdict, at), f'<line class="floor" x1="0" y1="{FLOOR}" x2="{WIDTH}" y2="{FLOOR}"/>']
    if _near_zero(known, ends) and 0.0 not in ends:
        parts.append(f'<line class="zero" x1="{at(0):.1f}" y1="3" x2="{at(0):.1f}" y2="{FLOOR}"/>')
    parts += [f'<line class="margin" x1="{at(e):.1f}" y1="3" x2="{at(e):.1f}" y2="{FLOOR}"/>' for e in ends]
    parts += _labels(verdict, ends, at)
    if len(known) == 3:
        low, high = at(verdict.low), at(verdict.high)
        parts.append(f'<line class="bar" x1="{low:.1f}" y1="{MIDDLE}" x2="{high:.1f}" y2="{MIDDLE}"/>')
        parts += [
            f'<line class="cap" x1="{x:.1f}" y1="{MIDDLE - 5}" x2="{x:.1f}" y2="{MIDDLE + 5}"/>' for x in (low, high)
        ]
    parts.append(f'<circle class="dot" cx="{at(verdict.effect):.1f}" cy="{MIDDLE}" r="4.5"/>')
    spoken = escape(f"Effect {words.interval(verdict)}; claimed: {words.claim(verdict)}.", {'"': "&quot;"})
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return f'<svg class="interval {verdict.verdict}" {box} role="img" aria-label="{spoken}">{"".join(parts)}</svg>'


def _near_zero(known: list[float], ends: list[float]) -> bool:
    """Whether showing zero would not squeeze the rest."""
    values = [*known, *ends]
    spread = max(values) - min(values)
    return max(values) >= -spread and min(values) <= spread


def _scale(values: list[float]):
    """Numbers to pixels, with room on both sides."""
    low, high = min(values), max(values)
    spread = (high - low) or abs(high) or 1.0

    def at(value: float) -> float:
        return PAD + (value - low) / spread * (WIDTH - 2 * PAD) if high > low else WIDTH / 2

    return at


def _claimed(verdict: Verdict, at) -> str:
    """The claimed range as a band to the edge of the drawing; at least a hair wide."""
    lower, upper = bounds(verdict)
    left = at(lower) if math.isfinite(lower) else 0.0
    right = at(upper) if math.isfinite(upper) else float(WIDTH)
    return f'<rect class="claimed" x="{left:.1f}" y="3" width="{max(1.0, right - left):.1f}" height="{FLOOR - 3}"/>'


def _labels(verdict: Verdict, ends: list[float], at) -> list[str]:
    """The margins in numbers below the floor; zero where there is room."""
    if len(ends) == 2 and (verdict.target or at(ends[1]) - at(ends[0]) < 2 * LABEL_ROOM):
        target, within = words.number(verdict.target, 4), words.number(verdict.margin)
        marks = [(at(verdict.target), f"{target} ± {within}")]
    else:
        marks = [(at(end), words.number(end)) for end in ends]
    zero = at(0.0)
    if 0 <= zero <= WIDTH and all(abs(zero - x) > LABEL_ROOM for x, _ in marks):
        marks.append((zero, "0"))
    return [_label(x, text) for x, text in marks]


def _label(x: float, text: str) -> str:
    """Text centered on x, or kept inside the drawing near its edges."""
    half = 3.2 * len(text)
    anchor, place = "middle", x
    if x < half:
        anchor, place = "start", 1.0
    elif x > WIDTH - half:
        anchor, place = "end", WIDTH - 1.0
    return f'<text x="{place:.1f}" y="{FLOOR + 12}" text-anchor="{anchor}">{text}</text>'
