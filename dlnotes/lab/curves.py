"""What of many seeds' curves can be shown, their mean, and fewer points that keep every spike."""

import numpy as np


def shown(rows: np.ndarray, log: bool) -> np.ndarray:
    """Values with NaN for what an axis cannot show: not finite, or not positive where it is logarithmic."""
    return np.where(np.isfinite(rows) & ((rows > 0) | (not log)), rows, np.nan)


def mean(rows: np.ndarray, log: bool) -> np.ndarray:
    """Mean over seeds (first axis), geometric on a logarithmic axis: NaN wherever one seed cannot be shown."""
    kept = shown(rows, log)
    return np.exp(np.log(kept).mean(axis=0)) if log else kept.mean(axis=0)


def thin(at: np.ndarray, row: np.ndarray, limit: int, log: bool) -> tuple[np.ndarray, np.ndarray]:
    """About `limit` points of a line at most: the lowest and highest in each of limit/2 bins, equal on the axis."""
    if len(at) <= limit:
        return at, row
    place = np.log(np.maximum(at, np.finfo(float).tiny)) if log else at
    half = limit // 2
    bins = np.minimum((place - place[0]) / (place[-1] - place[0]) * half, half - 1).astype(int)
    edges = np.flatnonzero(np.diff(bins)) + 1
    keep: set[int] = set()
    for start, stop in zip(np.r_[0, edges], np.r_[edges, len(bins)], strict=True):
        part = row[start:stop]
        keep |= {start, stop - 1} if np.isnan(part).any() else {start + int(part.argmin()), start + int(part.argmax())}
    index = sorted(keep)
    return at[index], row[index]
