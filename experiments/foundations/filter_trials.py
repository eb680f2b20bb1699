"""Trials of blur_and_edges: photographs, digits and planted edges seen through one kernel."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from sklearn.datasets import load_sample_image

from dlnotes import lab
from dlnotes.data import images
from dlnotes.nn.filters import KERNELS, cross_correlate, frequency_response, gaussian

SHIFT = (3, 5)  # pixels
NOISY = 4  # squares of noise for each of a picture


class Pair(NamedTuple):
    """Two kernels, whose answers a and b are joined to √(a² + b²); one of zeros leaves the other's strength."""

    first: Array | np.ndarray
    second: Array | np.ndarray


FINDERS = {name: Pair(KERNELS[name], np.zeros((3, 3))) for name in ("difference", "Prewitt", "Sobel", "Laplacian")} | {
    "both Sobels": Pair(KERNELS["Sobel"], KERNELS["Sobel, turned"])
}


def photographs() -> np.ndarray:
    """The two that come with scikit-learn, gray, at half their size: [2, 213, 320] in [0, 1]."""
    both = np.stack([load_sample_image(name)[:426] for name in ("china.jpg", "flower.jpg")])
    return (both.reshape(2, 213, 2, 320, 2, 3).mean((2, 4, 5)) / 255).astype(np.float32)


def sheet(small: np.ndarray, height: int, width: int) -> np.ndarray:
    """Small images [n, h, w] side by side on a sheet, from the first on, as many as fit and parts of some more."""
    _, h, w = small.shape
    down, across = -(-height // h), -(-width // w)
    drawn = np.resize(small, (down, across, h, w)).swapaxes(1, 2).reshape(down * h, across * w)
    return drawn[:height, :width]


def pictures(dataset: str) -> np.ndarray:
    """Gray pictures [2, 2, height, width] in [0, 1]: the photographs, and two sheets of the images of a data set."""
    taken = photographs()
    small = images.load(dataset).train_images.mean(-1)
    half = len(small) // 2
    sheets = [sheet(part, *taken.shape[1:]) for part in (small[:half], small[half:])]
    return np.stack([taken, np.stack(sheets)])


def crops(key: Array, whole: Array, side: int, count: int) -> Array:
    """Random squares [count, side, side]: any picture, any place."""
    n, height, width = whole.shape
    ends = jnp.array([n, height - side + 1, width - side + 1])
    places = (jax.random.uniform(key, (count, 3)) * ends[None]).astype(int)  # compiles faster than randint
    return jax.vmap(lambda place: jax.lax.dynamic_slice(whole, place, (1, side, side))[0])(places)


def power_passed(before: Array, after: Array) -> dict[str, Array]:
    """Power after over before: of patterns across, by frequency, and in parts of the plane of frequencies.

    Frequencies are in units of the highest along an axis, one cycle in two pixels. The mean brightness is left out.
    """
    side = before.shape[-1]
    old, new = (jnp.square(jnp.abs(jnp.fft.fft2(x))).sum(0) for x in (before, after))
    along = 2 * jnp.abs(jnp.fft.fftfreq(side))
    radius = jnp.hypot(along[:, None], along[None])
    parts = {"coarse": (radius > 0) & (radius <= 0.25), "fine": radius > 0.5, "finest": radius > 0.75}
    across = slice(1, side // 2 + 1)
    shares = {name: (new * part).sum() / (old * part).sum() for name, part in parts.items()}
    return {"passed": new[0, across] / old[0, across]} | shares


def seen(key: Array, data: Array, *, kernel: Array, picture: Array, side: int, count: int, dataset: str) -> lab.Trial:
    """What a kernel makes of random squares of pictures, of the same moved, of noise and of a constant."""
    k_crops, k_noise = lab.streams(key, "crops", "noise")

    def finish(_):
        x = crops(k_crops, jnp.asarray(data)[picture], side, count)
        noise = jax.random.normal(k_noise, (NOISY * count * side**2,)).reshape(-1, side, side)
        level = x.mean()
        shown = jnp.concatenate([x, jnp.roll(x, SHIFT, (1, 2)), jnp.full((1, side, side), level), noise])
        wrap = cross_correlate(shown, kernel, "wrap")
        zero, valid = cross_correlate(shown[: 2 * count + 1], kernel, "zero"), wrap[:, 1:-1, 1:-1]
        there, product = jnp.fft.fft2(x), frequency_response(kernel, side, side)[None]
        squares = jnp.sort(jnp.square(valid[:count]).ravel())

        def unlike(answers):
            """The largest difference between the moved picture's answer and the moved answer."""
            return jnp.abs(answers[count : 2 * count] - jnp.roll(answers[:count], SHIFT, (1, 2))).max()

        return power_passed(x, wrap[:count]) | {
            "fourier_error": jnp.abs(jnp.fft.fft2(wrap[:count]) - product * there).max() / jnp.abs(there).max(),
            "moved_wrap": unlike(wrap) / jnp.abs(wrap[:count]).max(),
            "moved_zero": unlike(zero) / jnp.abs(wrap[:count]).max(),
            "top_tenth": squares[-(squares.size // 10) :].sum() / squares.sum(),
            "constant": jnp.abs(valid[2 * count]).max() / level,
            "frame": jnp.abs(zero[-1]).max() / level,
            "noise": jnp.var(valid[2 * count + 1 :]),
        }

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def edges(key: Array, *, finder: Pair, degrees: Array, noise: Array, side: int, count: int) -> lab.Trial:
    """Pictures dark on one side and bright on the other, 0 and 1, with noise: are answers strongest at the edge?

    At 0° the edge is vertical, the right side bright; at 90° it is horizontal. `found`: how often the first bright
    pixel beyond the edge answers more than one three pixels away or more; equal answers count half.
    """

    def finish(_):
        at = jnp.arange(side) - 0.5 * (side - 1)
        across, down = (jnp.round(turn(jnp.deg2rad(degrees)), 6) for turn in (jnp.cos, jnp.sin))  # cos 90° is 0
        beyond = at[None] * across + at[:, None] * down  # distance to the bright side
        drawn = jax.random.normal(key, (count * side**2,)).reshape(count, side, side)
        x = jnp.clip(beyond + 0.5, 0.0, 1.0)[None] + noise * drawn
        answers = jnp.stack([cross_correlate(x, kernel) for kernel in finder])
        strength = jnp.sqrt(jnp.square(answers).sum(0))
        beyond = jnp.broadcast_to(beyond[None, 1:-1, 1:-1], strength.shape)
        beside = (beyond > -0.01) & (beyond < jnp.maximum(across, down) - 0.01)  # one in each row or column
        away = jnp.abs(beyond) >= 3
        others = jnp.sort(jnp.where(away, strength, jnp.inf).ravel())
        weaker = sum(jnp.searchsorted(others, strength.ravel(), side=which) for which in ("left", "right")) / 2

        def mean(values, where):
            return jnp.sum(jnp.where(where, values, 0.0)) / where.sum()

        return {
            "found": mean((weaker / away.sum()).reshape(strength.shape), beside),
            "answer": mean(answers[0], beside),
            "background": jnp.sqrt(mean(jnp.square(answers[0]), away)),
        }

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)


def again(key: Array, data: Array, *, times: Array, side: int, count: int) -> lab.Trial:
    """The box blur `times` over, and the Gaussian blur of the same variance, ⅔ for each time: how far apart?"""
    x = crops(key, jnp.asarray(data), side, count)

    def finish(_):
        box = jnp.asarray(KERNELS["box blur"], x.dtype)
        blurred = jax.lax.fori_loop(0, times, lambda _, y: cross_correlate(y, box, "wrap"), x)
        kernel = gaussian(jnp.sqrt(2 * times / 3), side // 2 - 1).astype(x.dtype)
        smooth = jnp.fft.ifft2(frequency_response(kernel, side, side)[None] * jnp.fft.fft2(x)).real
        contrast = jnp.var(x, axis=(1, 2)).mean()
        return {"apart": jnp.sqrt(jnp.square(blurred - smooth).mean() / contrast)}

    return lab.Trial(lambda: jnp.zeros(()), finish=finish)
