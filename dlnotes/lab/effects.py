"""From measures to effects: the slope along a dimension, the exponent of a power law, a measure at its best setting."""

import numpy as np
import xarray as xr

from dlnotes.lab.predictions import REPLICATES


def slope(y: xr.DataArray, x: xr.DataArray) -> xr.DataArray:
    """The least-squares slope of y over x, along the one dimension of x; not finite where a y is not."""
    if x.ndim != 1:
        raise ValueError(f"a slope is over one dimension, got x with {x.dims}")
    apart = x - x.mean()
    return (y * apart).sum(x.dims, skipna=False) / (apart**2).sum()


def exponent(y: xr.DataArray, x: xr.DataArray) -> xr.DataArray:
    """p in y ∝ xᵖ: the slope of log y over log x."""
    return slope(xr.apply_ufunc(np.log, y), xr.apply_ufunc(np.log, x.astype(float)))


def farthest(y: xr.DataArray, target: float, dim: str) -> xr.DataArray:
    """Along `dim` the value farthest from `target`, on either side; not finite where one of them is not."""
    apart = abs(y - target)
    return y.isel({dim: apart.where(np.isfinite(apart), np.inf).argmax(dim)}).drop_vars(dim, errors="ignore")


def at_best(measure: xr.DataArray, score: xr.DataArray, *dims: str) -> xr.DataArray:
    """`measure` at the values of `dims` where the mean of `score` over seeds is lowest, each other condition by itself.

    One choice for all seeds: a choice for each would be lucky. A setting at which a seed's score is not finite is never
    the best.
    """
    means = score.mean([dim for dim in REPLICATES if dim in score.dims], skipna=False)
    best = means.where(np.isfinite(means), np.inf).argmin(list(dims))
    return measure.isel(best, drop=True).drop_vars(list(dims), errors="ignore")
