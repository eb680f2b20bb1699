"""Trajectories: whole without motion, in step with motion, clipped, and a part of any page."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from dlnotes.lab import figures
from dlnotes.lab.animation import MOTION, PAUSE

SVG = "{http://www.w3.org/2000/svg}"
FAST = np.array([[0.0, 0.0], [0.8, 0.2], [1.0, 1.0]])
SLOW = np.column_stack([np.linspace(0, 1, 11), np.linspace(0, 1, 11) ** 2])


def drawn(*paths, limits=(0, 1), labels=("fast", "slow & steady", "lost")):
    figure, (ax,) = figures.panels(1)
    ax.set(xlim=limits, ylim=limits)
    for path, label, color in zip(paths, labels, figures.PALETTE, strict=False):
        figures.trajectory(ax, path, color, label)
    ax.set_title("Who arrives first?")
    ax.legend()
    return figures.to_svg(figure)


def path_of(group):
    """The points of a group's line, and the period of its dot."""
    (way,) = (path.get("d") for path in group.iter(f"{SVG}path"))
    points = np.array([pair.split() for pair in way[1:].split("L")], dtype=float)
    (dot,) = group.iter(f"{SVG}use")
    period = re.search(r"stroke-dasharray: 0 ([\d.]+)", dot.get("style"))
    return points, float(period[1])


def groups(svg):
    found = [group for group in ET.fromstring(svg).iter(f"{SVG}g") if group.get("id")]
    return [group for group in found if re.fullmatch(r"f\w{10}-trajectory\d", group.get("id"))]


def frames(svg, i):
    """(share of the round, dash offset) of trajectory i."""
    (body,) = re.findall(rf"@keyframes f\w{{10}}-trajectory{i}\{{(.*)\}}\n", svg)
    found = re.findall(r"([\d.]+)%(?:,100%)?\{stroke-dashoffset:([\d.]+)\}", body)
    assert "100%" in body
    return np.array(found, dtype=float)


def test_the_whole_path_and_its_end_are_there_without_motion():
    svg = drawn(FAST, SLOW)
    style = re.search(r"<style>.*</style>\s*", svg, re.DOTALL)
    still = svg.replace(style[0], "")
    for group, path in zip(groups(still), (FAST, SLOW), strict=True):
        points, period = path_of(group)
        assert len(points) == len(path)
        length = np.hypot(*np.diff(points, axis=0).T).sum()
        assert period == pytest.approx(length + 1, abs=0.1)
        assert group.get("stroke-dashoffset") == "1"  # where a dash of 0 with that period is the path's end
        assert "stroke-dasharray" not in group.get("style")
        assert "stroke-linecap: round" in group.get("style")
        assert group.get("clip-path").startswith("url(#")
    assert re.fullmatch(r"<style>\n@media screen and \(prefers-reduced-motion:no-preference\)\{.*\}\n"
                        r"(@keyframes [^\n]*\n)*</style>\s*", style[0])  # fmt: skip


def test_points_stand_where_the_axes_have_them():
    points, _ = path_of(groups(drawn(FAST))[0])
    start, middle, end = points
    assert end[0] > start[0]
    assert end[1] < start[1]  # up is less in SVG
    np.testing.assert_allclose((middle - start) / (end - start), FAST[1], atol=2e-3)


def test_every_step_takes_equally_long_and_who_arrives_first_waits():
    svg = drawn(FAST, SLOW)
    step = 100 * MOTION / (MOTION + PAUSE) / 10
    for i, path in enumerate((FAST, SLOW)):
        points, period = path_of(groups(svg)[i])
        lengths = np.append(0, np.hypot(*np.diff(points, axis=0).T).cumsum())
        at, offset = frames(svg, i).T
        expected = period - np.interp(at / step, np.arange(len(path)), lengths)
        np.testing.assert_allclose(offset, expected, atol=0.11)
        assert at[-1] == pytest.approx(step * (len(path) - 1), abs=0.01)
        every = np.interp(np.arange(len(path)) * step, at, period - offset)
        np.testing.assert_allclose(every, lengths, atol=0.6)
    rounds = set(re.findall(r"([\d.]+)s linear infinite", svg))
    assert rounds == {f"{MOTION + PAUSE:g}"}


def test_a_path_that_is_lost_ends_and_one_that_stands_is_a_dot():
    nowhere = np.array([[0.5, 0.5], [0.6, 0.5], [np.nan, 0.5], [0.7, 0.5]])
    far = np.array([[0.5, 0.5], [2.0, 0.5], [1e30, -1e30], [0.5, 0.5]])
    standing = np.full((4, 2), 0.5)
    svg = drawn(nowhere, far, standing)
    lost, away = (path_of(group)[0] for group in groups(svg)[:2])
    assert len(lost) == len(away) == 2
    assert away[1, 0] > 600
    assert "h0.01" in groups(svg)[2][0].get("d")
    assert len(re.findall("@keyframes", svg)) == 2


def test_labels_are_escaped_names_are_its_own_and_bytes_the_same():
    svg, other = drawn(FAST, SLOW), drawn(SLOW, FAST)
    assert svg == drawn(FAST, SLOW)
    assert "slow &amp; steady" in svg
    assert "§" not in svg

    def names(text):
        return set(re.findall(r' id="([^"]+)"|@keyframes ([\w-]+)', text))

    assert not names(svg) & names(other)
    ids = set(re.findall(r' id="([^"]+)"', svg))
    assert set(re.findall(r"#(f\w{10}-[\w-]+)", svg)) <= ids
    animated = set(re.findall(r"animation:([\w-]+)", svg))
    assert animated == set(re.findall(r"@keyframes ([\w-]+)", svg))
    assert len(animated) == 2


def test_a_figure_without_trajectories_has_no_style_and_a_thousand_steps_stay_small():
    figure, (ax,) = figures.panels(1)
    ax.plot([0, 1], [0, 1])
    assert "<style" not in figures.to_svg(figure)
    t = np.linspace(0, 30, 1001)
    spiral = np.column_stack([np.exp(-t / 10) * np.cos(t), np.exp(-t / 10) * np.sin(t)])
    assert len(drawn(spiral, limits=(-1, 1))) < 40_000


def test_only_points_in_a_plane_are_a_path():
    _, (ax,) = figures.panels(1)
    with pytest.raises(ValueError, match=r"points \[step, 2\], got the shape \(2, 3\)"):
        figures.trajectory(ax, FAST.T, "black")
