"""Numbers, times and conditions as a page says them."""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

from dlnotes.lab.verdicts import Verdict

MEGABYTE = 1e6
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 3) -> str:
    """A number in `digits` significant digits, with a true minus sign and powers of ten in Unicode."""
    if not math.isfinite(value):
        return "not finite" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    text = f"{value + 0.0:.{digits}g}"  # + 0.0 makes −0 a 0
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa} × 10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    return text.replace("-", "−")


def interval(verdict: Verdict) -> str:
    """'0.52 [0.41, 0.63]', or what is known."""
    effect, bounds, power = estimate(verdict)
    text = f"{effect} {bounds}" if bounds else effect
    return f"({text}){power}" if power else text


def estimate(verdict: Verdict) -> tuple[str, str, str]:
    """The effect, its interval in brackets, and the power of ten of both: '0.52', '[0.41, 0.63]', ''."""
    if not math.isfinite(verdict.effect):
        return "–", "", ""
    if not math.isfinite(verdict.low):
        return number(verdict.effect), "", ""
    effect, low, high, power = aligned(verdict.effect, verdict.low, verdict.high)
    return effect, f"[{low}, {high}]", power


def aligned(*values: float) -> list[str]:
    """The numbers with the same decimals, to the second digit of their spread or five digits of the largest, and their
    common power of ten."""
    spread, largest = max(values) - min(values), max(map(abs, values))
    if not largest:
        return ["0"] * len(values) + [""]
    exponent = math.floor(math.log10(largest))
    scale = exponent if not -3 <= exponent < 5 else 0
    second = 1 - math.floor(math.log10(spread)) if spread > 0 else 99
    decimals = max(0, min(second, 4 - exponent) + scale)
    texts = [f"{value / 10.0**scale:.{decimals}f}".replace("-", "−") for value in values]
    return [*texts, f" × 10{str(scale).translate(SUPERSCRIPTS)}" if scale else ""]


def claim(verdict: Verdict) -> str:
    """The range that the prediction claims for the mean effect."""
    match verdict.direction:
        case "greater":
            return f"above {number(verdict.margin)}"
        case "less":
            return f"below {number(-verdict.margin)}"
    return f"within {number(verdict.margin)} of {number(verdict.target)}"


def probability(p: float) -> str:
    """A p-value."""
    return "–" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def seconds(value: Any) -> str:
    """A duration: '0.84 s', '12.3 s', '3 min 20 s', '2 h 05 min'."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return "–"
    if value < 100:
        return f"{value:.3g} s" if value >= 0.001 else f"{1000 * value:.2g} ms"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def brief(value: float) -> str:
    """A short or long time in three digits and one unit: '25.5 µs', '4 ms', '1.42 s'."""
    unit, scale = ("s", 1.0) if value >= 1.0 else ("ms", 1e3) if value >= 1e-3 else ("µs", 1e6)
    return f"{three_digits(value * scale)} {unit}"


def three_digits(value: float) -> str:
    """A positive number without an exponent: '0.042', '198', '56 000'."""
    return f"{value:,.0f}".replace(",", " ") if value >= 100 else number(value)


def memory(count: Any) -> str:
    """Bytes as megabytes; less than one is below what can be measured."""
    if not isinstance(count, int | float):
        return "–"
    return "< 1 MB" if count < MEGABYTE else f"{three_digits(count / MEGABYTE)} MB"


def rate(value: Any) -> str:
    """A number of steps each second."""
    return f"{value:,.0f}".replace(",", " ") if isinstance(value, int | float) and math.isfinite(value) else "–"


def count(n: int, word: str) -> str:
    """'1 seed', '16 seeds'."""
    return f"{n:,} {word}{'' if n == 1 else 's'}".replace(",", " ")


def moment(text: Any) -> str:
    """An ISO time as '21 November 2026, 03:25 UTC'; what is no time stays as it is."""
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        return str(text or "at an unknown time")
    return f"{when.day} {when:%B %Y, %H:%M} UTC"


def minus(text: str) -> str:
    """Text with true minus signs before its numbers."""
    return re.sub(r"(?<![\w.)])-(?=\d)", "−", text)


def marked(text: str) -> Markup:
    """Plain text for a page, with *emphasis* and `code`."""
    safe = str(escape(text))
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    return Markup(re.sub(r"(?<![\w*])\*([^\s*][^*]*?)\*(?![\w*])", r"<em>\1</em>", safe))


def setting(value: Any) -> str:
    """One setting's value, or the values of its axis, for a table."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {setting(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        shown = ", ".join(setting(each) for each in value[:12])
        rest = f", … ({len(value)} in all)" if len(value) > 12 else ""
        return f"[{shown}{rest}]" if any(isinstance(each, list | tuple) for each in value) else shown + rest
    if isinstance(value, bool):
        return "true" if value else "false"
    return number(value, 6) if isinstance(value, int | float) else str(value)


def conditions(values: Mapping[str, Any]) -> str:
    """A condition in words: 'gain xavier, depth 30'."""
    return ", ".join(f"{name} {setting(value)}" for name, value in values.items()) or "all"


def device(facts: Any) -> str:
    """'2 CPU devices', with their kind where it says more."""
    if not isinstance(facts, Mapping):
        return "unknown device"
    platform, kind = str(facts.get("platform", "unknown")).upper(), str(facts.get("kind", ""))
    many, hosts = facts.get("count", 1), facts.get("hosts", 1)
    text = f"{many} {platform} devices" if many != 1 else f"1 {platform} device"
    text += "" if kind.upper() in ("", platform) else f" ({kind})"
    return f"{text} on {hosts} hosts" if isinstance(hosts, int) and hosts > 1 else text
