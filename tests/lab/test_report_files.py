"""Where the report is written: nowhere else, and never half."""

import runpy
from pathlib import Path

import pytest

from dlnotes.lab.errors import LabError, RunFailed
from dlnotes.lab.report import build, site

SYNTHETIC = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "synthetic.py"))
HE = "initialization/xavier_vs_he"
one_run = SYNTHETIC["one_run"]


def silent(text: str) -> None:
    """Takes what build tells."""


def made(tmp_path: Path, runs: Path) -> Path:
    return build(runs, tmp_path / "report", note=silent).parent


def test_an_out_folder_with_something_else_is_refused(tmp_path):
    runs, _, _ = one_run(tmp_path)
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.tex").write_text("years of work")
    with pytest.raises(LabError, match="holds something else than a report"):
        build(runs, other, note=silent)
    assert [path.name for path in other.iterdir()] == ["chapter.tex"]
    with pytest.raises(LabError, match="is a file"):
        build(runs, other / "chapter.tex", note=silent)
    with pytest.raises(LabError, match="is a file; name the folder of the runs"):
        build(other / "chapter.tex", tmp_path / "new", note=silent)
    with pytest.raises(LabError, match="something else"):
        build(runs, runs, note=silent)


def test_building_again_changes_nothing_but_what_is_gone(tmp_path):
    runs, _, folder = one_run(tmp_path)
    report = made(tmp_path, runs)
    (report / "mine.txt").write_text("kept")
    before = {path: path.read_bytes() for path in report.rglob("*") if path.is_file()}
    outside = sorted(path for path in tmp_path.rglob("*") if not path.is_relative_to(report))
    made(tmp_path, runs)
    assert {path: path.read_bytes() for path in report.rglob("*") if path.is_file()} == before
    assert sorted(path for path in tmp_path.rglob("*") if not path.is_relative_to(report)) == outside
    (folder / "manifest.json").unlink()
    made(tmp_path, runs)
    assert not (report / "experiments" / f"{HE}.html").exists()
    assert (report / "mine.txt").read_text() == "kept"


def test_a_full_disk_leaves_the_old_report_readable(tmp_path, monkeypatch):
    runs, path, _ = one_run(tmp_path)
    report = made(tmp_path, runs)
    before = (report / "index.html").read_text()
    SYNTHETIC["run"](runs, "mine", path)
    write = site.atomic_write

    def full(target, data):
        if target.name == "mine.html":
            raise RunFailed(f"cannot write {target}: no space; free the disk")
        write(target, data)

    monkeypatch.setattr(site, "atomic_write", full)
    with pytest.raises(RunFailed, match="free the disk"):
        made(tmp_path, runs)
    assert (report / "index.html").read_text() == before
    monkeypatch.setattr(site, "atomic_write", write)
    assert "mine.html" in (made(tmp_path, runs) / "index.html").read_text()
