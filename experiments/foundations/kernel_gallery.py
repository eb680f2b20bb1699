"""A gallery: a column for each kernel, with its numbers on top and pictures as it sees them below."""

import filter_trials as trials
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from dlnotes import lab
from dlnotes.data import images
from dlnotes.nn.filters import KERNELS, cross_correlate

SIDE = 48
CROPS = ((0, 14, 78), (1, 60, 84))  # which photograph, top, left: the roof of a temple, the rim of a flower
STRONGEST = {"difference": 0.5, "Prewitt": 1.5, "Sobel": 2.0, "Sobel, turned": 2.0, "Laplacian": 1.0}  # full color
UNITS = {"box blur": (9, "÷ 9"), "Gaussian blur": (16, "÷ 16")}
STRIDE, TABLES = 1.08, 1.3  # from column to column; where the pictures begin below the kernels
CAPTION = """\
Every pixel becomes the sum of the nine around it, each times the number in its place. Gray: black is 0, white 1.
Color: blue is above 0, orange below, nothing where pixels are alike: blue where it grows brighter to the right
(Sobel, turned: downward), for the Laplacian where it is darker than around. Parts of photographs by danielbuechele
and vultilion, CC BY 2.0, made gray and halved in size; a digit."""


def colored(answers: np.ndarray, strongest: float) -> np.ndarray:
    """Positive answers in blue, negative ones in orange, the stronger the more opaque; 0 is the page itself."""
    blue, orange = map(to_rgb, lab.figures.PALETTE[:2])
    ink = np.where(answers[..., None] > 0, blue, orange)
    return np.concatenate([ink, np.clip(np.abs(answers) / strongest, 0, 1)[..., None]], axis=-1)


def gray(picture: np.ndarray) -> np.ndarray:
    """0 is black and 1 white, on a light page and on a dark one."""
    return np.repeat(np.clip(picture, 0, 1)[..., None], 3, axis=-1)


def rows() -> list[np.ndarray]:
    """Parts of two photographs, and a digit."""
    taken = trials.photographs()
    parts = [taken[which, top : top + SIDE, left : left + SIDE] for which, top, left in CROPS]
    return [*parts, images.load().train_images[0, :, :, 0]]


def show(ax: Axes, picture: np.ndarray, left: float, top: float) -> None:
    """A picture in a square of side 1, as it is: no pixel is mixed with the next."""
    ax.imshow(picture, extent=(left, left + 1, -top - 1, -top), interpolation="none", zorder=2)


def table(ax: Axes, name: str, left: float) -> None:
    """A kernel's name and nine numbers."""
    scale, unit = UNITS.get(name, (1, ""))
    numbers = np.round(KERNELS[name] * scale).astype(int)
    show(ax, colored(numbers, 2.0 * np.abs(numbers).max()), left, 0)
    for (i, j), number in np.ndenumerate(numbers):
        ax.text(left + (j + 0.5) / 3, -(i + 0.5) / 3, f"{number}".replace("-", "−"), ha="center", va="center",
                fontsize=7, zorder=3)  # fmt: skip
    ax.text(left + 0.5, 0.08, name.replace(" ", "\n"), ha="center", va="bottom", fontsize=8)
    ax.text(left + 0.5, -1.04, unit, ha="center", va="top", fontsize=7)


def gallery(ax: Axes) -> None:
    """All kernels on all rows, beyond borders the nearest pixel."""
    for column, (name, kernel) in enumerate(KERNELS.items()):
        left = column * STRIDE
        table(ax, name, left)
        for row, picture in enumerate(rows()):
            answer = np.asarray(cross_correlate(picture, kernel, "edge"))
            picture = colored(answer, STRONGEST[name]) if name in STRONGEST else gray(answer)
            show(ax, picture, left, TABLES + row * STRIDE)
    bottom = TABLES + len(rows()) * STRIDE
    ax.text(0, -bottom - 0.02, CAPTION, va="top", fontsize=8)
    ax.set(xlim=(0, left + 1), ylim=(-bottom - 0.62, 0.45), anchor="NW")
    ax.axis("off")
