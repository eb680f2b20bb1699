"""The oldest versions that are tested are those that pyproject.toml promises."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def matrix(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("matrix", ROOT / "tools" / "matrix.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "FOLDER", tmp_path / "matrix")
    monkeypatch.setattr(module, "TABLE", tmp_path / "versions.md")
    return module


def test_the_oldest_row_pins_the_lower_bounds_and_all_else_as_usual(matrix):
    wanted = (ROOT / "pyproject.toml").read_text()
    pins = matrix.constraints("3.12-oldest").read_text().splitlines()
    for name in ("flax", "optax", "orbax-checkpoint"):
        (version,) = [pin.partition("==")[2] for pin in pins if pin.startswith(f"{name}==")]
        assert f'"{name}>={version},' in wanted
    (jax,) = [pin.partition("==")[2] for pin in pins if pin.startswith("jax==")]
    assert f'"jax>={jax},' in wanted
    assert f"jaxlib=={jax}" in pins
    usual = matrix.constraints("3.13-newest").read_text().splitlines()
    assert {pin for pin in usual if pin.startswith("numpy")} <= set(pins)


def test_the_table_keeps_rows_of_other_days(matrix):
    matrix.FOLDER.mkdir()
    for row, cells in {
        "3.11-newest": ["3.11", "0.9.2", "1 passed"],
        "3.13-newest": ["3.13", "0.12", "2 passed"],
    }.items():
        (matrix.FOLDER / f"{row}.json").write_text(str(cells).replace("'", '"'))
    matrix.write_table()
    (matrix.FOLDER / "3.11-newest.json").unlink()
    matrix.write_table()
    assert matrix.TABLE.read_text().splitlines()[-2:] == ["| 3.11 | 0.9.2 | 1 passed |", "| 3.13 | 0.12 | 2 passed |"]


def test_a_row_that_is_not_there_is_told(matrix, capsys):
    assert matrix.main(["2.7-oldest"]) == 2
    assert "there are 3.11-newest" in capsys.readouterr().err
