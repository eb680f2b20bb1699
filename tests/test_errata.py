"""The list of errata: every row has a test or an experiment that is there, and no test is without its row."""

import ast
from pathlib import Path

from dlnotes.lab.discover import find_all
from dlnotes.lab.report.lists import errata

ROOT = Path(__file__).parent.parent


def functions_in(path: Path) -> set[str]:
    """The test functions of a file, as pytest names them."""
    names = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
    return {f"{path.relative_to(ROOT).as_posix()}::{name}" for name in names if name.startswith("test_")}


def test_every_row_has_a_test_or_an_experiment_that_is_there():
    experiments = {entry.name for entry in find_all(ROOT / "experiments")}
    for row in errata():
        assert row.test or row.experiment, row.id
        assert not row.test or row.test in functions_in(ROOT / row.test.split("::")[0]), row.id
        assert not row.experiment or row.experiment in experiments, row.id


def test_every_test_of_an_erratum_has_its_row():
    written = set().union(*(functions_in(path) for path in (ROOT / "tests" / "errata").glob("test_*.py")))
    assert written == {row.test for row in errata() if row.test}


def test_rows_are_complete_and_named_once():
    rows = errata()
    assert len({row.id for row in rows}) == len(rows) >= 30
    for row in rows:
        assert row.id.replace("-", "").replace(".", "").isalnum(), row.id
        assert row.place.split()[0] in ("cs182", "ee147", "dlbook", "lectures", "formulas"), row.id
        assert all((row.printed, row.right, row.shown)), row.id
