"""The report's page of benchmarks: the newest of each contestant, ratios, several devices; none where none are."""

import json
import re

import pytest

from dlnotes.lab.report import build, timings


def record(contestant, seconds, *, date="2026-11-21", case="fit", examples=200, **more):
    return {
        "benchmark": "svm", "case": case, "sizes": {"examples": examples}, "contestant": contestant, "seconds": seconds,
        "low": seconds, "high": 2 * seconds, "compile_seconds": 0.5, "memory": 3_200_000, "repeats": 5,
        "outcome": {"error": 0.15}, "versions": {"jax": "0.12.0"}, "date": date,
        "device": {"platform": "cpu", "kind": "cpu", "count": 2, "hosts": 1},
    } | more  # fmt: skip


@pytest.fixture
def results(tmp_path):
    """benchmarks/results with two devices and a damaged file, and the benchmark that is timed."""
    folder = tmp_path / "benchmarks" / "results"
    folder.mkdir(parents=True)
    (tmp_path / "benchmarks" / "svm.py").write_text('"""A machine with <support> vectors.\n\nMore.\n"""\n')
    new = record("scikit-learn", 0.5, date="2026-12-01")
    rows = [new, record("dlnotes", 0.004), record("scikit-learn", 0.1), record("other", 9.0, examples=5), {"n": 1}, 2]
    (folder / "cpu-2.json").write_text(json.dumps(rows))
    gpu = {"platform": "gpu", "kind": "NVIDIA H200", "count": 1, "hosts": 1}
    old = record("dlnotes", 0.25, device=gpu)
    del old["memory"]
    (folder / "gpu-nvidia-h200-1.json").write_text(json.dumps([old]))
    (folder / "broken.json").write_text("[{")
    return folder


def page(tmp_path, results):
    notes = []
    report = build(tmp_path / "runs", tmp_path / "report", note=notes.append, measured=results).parent
    return report, notes


def test_the_newest_of_each_contestant_with_its_ratio(tmp_path, results):
    report, notes = page(tmp_path, results)
    assert [note for note in notes if "broken" in note] == [f"left out {results / 'broken.json'}: it holds no timings"]
    html = (report / "benchmarks.html").read_text()
    rows = [" ".join(re.sub("<[^>]*>", " ", row).split()) for row in re.findall("<tr.*?</tr>", html)]
    fit = rows.index("fit examples 200")
    assert rows[fit + 2] == "scikit-learn 500 ms 125 500 ms to 1 s 500 ms 3.2 MB error 0.15"
    assert rows[fit + 1] == "dlnotes 4 ms 1 4 ms to 8 ms 500 ms 3.2 MB error 0.15"
    assert rows[fit + 3 : fit + 5] == ["fit examples 5", "other 9 s – 9 s to 18 s 500 ms 3.2 MB error 0.15"]
    assert rows[-1] == "dlnotes 250 ms 1 250 ms to 500 ms 500 ms – error 0.15"
    for text in ("2 CPU devices", "1 GPU device (NVIDIA H200)", "A machine with &lt;support&gt; vectors.", "jax&nbsp;"):
        assert text in html
    assert "Timed on 2026-11-21 and 2026-12-01" in html
    assert 'href="benchmarks.html"' in (report / "index.html").read_text()


def test_no_page_and_no_way_to_it_where_nothing_was_timed(tmp_path):
    report, _ = page(tmp_path, tmp_path / "elsewhere")
    assert not (report / "benchmarks.html").exists()
    assert not any("benchmarks.html" in path.read_text() for path in report.rglob("*.html"))


def test_this_checkout_has_timings_and_says_of_what():
    (machine, *_) = timings.find(timings.RESULTS, note=print)
    assert {"minimize", "svm"} <= {benchmark.name for benchmark in machine.benchmarks}
    assert all(benchmark.about.endswith(".") for benchmark in machine.benchmarks)
