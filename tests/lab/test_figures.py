"""Figures: every seed is drawn, nothing is averaged away, and the SVG can stand in any page."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from dlnotes.lab import figures
from dlnotes.lab.svg import power_label

STEPS = np.arange(10, 4010, 10)


def curves(seeds: int = 12, arms: int = 2) -> xr.DataArray:
    noise = np.random.default_rng(0).normal(size=(arms, seeds, STEPS.size)).cumsum(-1)
    names = ["xavier", "he", "glorot", "large"][:arms]
    coords = {"gain": names, "step": STEPS, "seed": np.arange(seeds)}
    return xr.DataArray(np.exp(0.01 * noise - STEPS / 1000), dims=("gain", "seed", "step"), coords=coords)


def drawn(array: xr.DataArray, **options) -> tuple[Figure, str]:
    figure, axes = figures.panels(1)
    figures.seeds(axes[0], array, **options)
    axes[0].set_title("A title that says what to see & why")
    return figure, figures.to_svg(figure)


def luminance(color: str) -> float:
    channels = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_palette_can_be_seen_on_white_and_on_near_black():
    for color in figures.PALETTE:
        assert 1.05 / (luminance(color) + 0.05) >= 3, color
        assert (luminance(color) + 0.05) / (luminance("#16181c") + 0.05) >= 3, color
    assert len(set(figures.PALETTE)) == len(figures.PALETTE) == 8


def test_every_seed_is_a_line_and_the_mean_is_geometric_on_a_log_axis():
    array = curves()
    figure, _ = drawn(array, hue="gain", log="y")
    ax = figure.axes[0]
    thin = [collection for collection in ax.collections if isinstance(collection, LineCollection)]
    assert [len(collection.get_segments()) for collection in thin] == [12, 12]
    x, y = map(np.asarray, ax.lines[1].get_data())
    expected = np.exp(np.log(array.sel(gain="he").sel(step=x).values).mean(axis=0))
    np.testing.assert_allclose(y, expected)
    linear, _ = drawn(array, hue="gain")
    x, y = map(np.asarray, linear.axes[0].lines[1].get_data())
    np.testing.assert_allclose(y, array.sel(gain="he").mean("seed").sel(step=x))


def test_a_lost_seed_is_marked_counted_and_ends_the_mean():
    array = curves()
    array[1, 3, 100:] = np.nan
    array[1, 4, 200:] = np.inf
    figure, svg = drawn(array, hue="gain", log="y")
    crosses, mean = figure.axes[0].lines[1], figure.axes[0].lines[2]
    x, y = (np.asarray(part) for part in mean.get_data())
    assert x[np.isfinite(y)].max() <= STEPS[99]
    assert sorted(np.asarray(crosses.get_xdata())) == [STEPS[99], STEPS[199]]
    assert "(2 of 12 not finite)" in svg


def test_thinning_keeps_spikes_and_bounds_the_file():
    array = curves(seeds=64, arms=4)
    array[0, 0, 237] = 50.0
    figure, svg = drawn(array, hue="gain")
    spiked = figure.axes[0].collections[0]
    assert isinstance(spiked, LineCollection)
    segment = np.asarray(spiked.get_segments()[0])
    assert segment[:, 1].max() == 50.0
    assert len(segment) <= 200
    assert len(svg) < 600_000


def test_dots_shows_every_seed_beside_its_mean():
    figure, axes = figures.panels(2)
    final = curves().isel(step=-1)
    figures.dots(axes[0], final, x="gain", log="y", labels={"he": "He", "xavier": "Xavier"})
    shown = np.sort(np.asarray(axes[0].lines[0].get_ydata(), dtype=float))
    np.testing.assert_array_equal(shown, np.sort(final.values.ravel()))
    assert [text.get_text() for text in axes[0].get_xticklabels()] == ["Xavier", "He"]
    cost = xr.DataArray(np.arange(1.0, 49).reshape(2, 2, 12), dims=("n", "method", "repeat"))
    cost = cost.assign_coords(n=[64, 128], method=["newton", "bfgs"])
    figures.dots(axes[1], cost, x="n", hue="method", log="x")
    bars = [bar for bar in axes[1].collections if isinstance(bar, LineCollection)]
    centers = [np.asarray(segment)[:, 0].mean() for bar in bars for segment in bar.get_segments()]
    assert all(abs(np.log2(center / n)) < 0.3 for center, n in zip(centers, [64, 128, 64, 128], strict=True))
    assert len(centers) == 4
    figures.to_svg(figure)


def test_long_names_of_categories_are_turned_and_the_legend_makes_room():
    names = [f"a rather long name {i}" for i in range(6)]
    array = xr.DataArray(np.arange(48.0).reshape(6, 2, 4), dims=("solver", "width", "seed"))

    def room(labels: list[str]) -> float:
        figure, axes = figures.panels(1)
        figures.dots(axes[0], array.assign_coords(solver=labels, width=[1, 2]), x="solver", hue="width")
        turn = {tick.get_rotation() for tick in axes[0].get_xticklabels()}
        assert turn == ({30.0} if labels == names else {0.0})
        figures.to_svg(figure)
        legend = axes[0].get_legend()
        assert legend is not None
        return axes[0].get_window_extent().y0 - legend.get_bbox_to_anchor().y0

    assert room(names) > room(list("abcdef")) + 20


def test_words_for_seeds_that_end_and_no_legend():
    array = curves()
    array[1, :, 20:] = np.nan
    figure, svg = drawn(array, hue="gain", lost="arrived")
    assert "(12 of 12 arrived)" in svg
    figure, svg = drawn(array, hue="gain", lost="", legend=False)
    assert "12 of" not in svg
    assert figure.axes[0].get_legend() is None
    assert len(figure.axes[0].lines) == 2


def test_whole_steps_have_whole_ticks():
    figure, _ = drawn(curves().isel(step=slice(0, 5)).assign_coords(step=np.arange(5)), hue="gain")
    assert all(tick == int(tick) for tick in figure.axes[0].get_xticks())


def test_values_a_log_axis_cannot_show_are_left_out_without_a_warning():
    array = curves()
    array[0, :, 300:] = 0.0
    _, svg = drawn(array, hue="gain", log="y")
    assert "not finite" not in svg
    _, nothing = drawn(array * np.nan, hue="gain", log="y")
    assert "12 of 12 not finite" in nothing


def test_wrong_dimensions_and_scales_are_named():
    _, axes = figures.panels(1)
    with pytest.raises(ValueError, match=r"wants the dimensions seed, gain, step, got .*'depth'"):
        figures.seeds(axes[0], curves().expand_dims(depth=2), hue="gain")
    with pytest.raises(ValueError, match="wants the dimensions"):
        figures.dots(axes[0], curves().isel(step=0), x="width")
    with pytest.raises(ValueError, match="log is"):
        figures.seeds(axes[0], curves(), hue="gain", log="both")


def test_svg_follows_the_page_and_speaks():
    figure, svg = drawn(curves(), hue="gain", log="y")
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("fill") == "currentColor"
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text == "Figure. A title that says what to see & why"
    assert root.get("aria-labelledby") == title.get("id")
    assert "#000000" not in svg
    assert "#ffffff" not in svg
    assert "currentColor" in svg
    assert "<style" not in svg
    assert "DejaVu" not in svg
    assert "metadata" not in svg
    assert set(re.findall(r"https?://[^\"' ]+", svg)) == {"http://www.w3.org/2000/svg"}
    assert ">10⁻¹<" not in svg
    assert ">0.1<" in svg
    assert figures.to_svg(figure, title="Other").count("<title") == 1


def test_svg_is_deterministic_and_its_names_never_clash():
    _, first = drawn(curves(), hue="gain")
    _, again = drawn(curves(), hue="gain")
    _, other = drawn(curves(seeds=5), hue="gain")
    assert first == again

    def names(svg: str) -> set[str]:
        return set(re.findall(r' id="([^"]+)"', svg))

    assert names(first)
    assert not names(first) & names(other)
    for used in re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", first):
        assert "".join(used) in names(first)


def test_drawing_leaves_the_figure_as_it_was():
    figure, svg = drawn(curves(), hue="gain", log="y")
    height, title = figure.get_figheight(), figure.axes[0].get_title(loc="left")
    again = figures.to_svg(figure)
    assert figure.get_figheight() == height
    assert figure.axes[0].get_title(loc="left") == title
    assert abs(len(again) - len(svg)) < 200


@pytest.mark.parametrize(
    ("value", "label"), [(0.01, "0.01"), (1.0, "1"), (10000.0, "10000"), (1e-5, "10⁻⁵"), (3e6, "3×10⁶"), (1e5, "10⁵")]
)
def test_power_labels(value, label):
    assert power_label(value) == label
