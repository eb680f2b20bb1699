"""Results on disk: netCDF written whole or not at all, with a digest where damage must be noticed."""

import io
from pathlib import Path
from typing import Any

import xarray as xr

from dlnotes.lab.errors import LabError
from dlnotes.lab.files import atomic_write
from dlnotes.lab.results import Results
from dlnotes.lab.sealed import matches

RESULTS = "results.nc"


def to_bytes(tree: xr.DataTree) -> bytes:
    """The netCDF file of a tree of Datasets: the same bytes for the same tree. A process killed here leaves nothing."""
    content: Any = tree.to_netcdf(engine="h5netcdf")
    return bytes(content)


def save_results(folder: Path, results: Results) -> None:
    """Write `results.nc`: one group for each study."""
    atomic_write(folder / RESULTS, to_bytes(xr.DataTree.from_dict(dict(results))))


def load_results(folder: Path, digest: str | None = None) -> Results:
    """Read `results.nc`. Raises `LabError` naming the file where it is missing, damaged, or not that of the digest."""
    path = folder / RESULTS
    try:
        content = path.read_bytes()
        if not matches(content, digest):
            raise ValueError("it does not match its digest")
        with xr.open_datatree(io.BytesIO(content), engine="h5netcdf") as tree:
            return Results({name: node.to_dataset().load() for name, node in tree.children.items()})
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LabError(f"cannot read {path} ({reason}); run the experiment again with --fresh") from error


def save_dataset(path: Path, dataset: xr.Dataset) -> bytes:
    """Write one Dataset and return what was written."""
    content = to_bytes(xr.DataTree(dataset))
    atomic_write(path, content)
    return content


def load_dataset(path: Path) -> xr.Dataset:
    """Read what `save_dataset` wrote, as if it had never been on disk: it is to give the same bytes again."""
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        return dataset.load().drop_encoding()
