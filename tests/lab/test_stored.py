"""What finished runs left: the newest is found, damaged files are passed over."""

import json

import pytest

from dlnotes.lab.stored import newest_run


def store(folder, ended, verdicts=(), **more):
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"ended": ended, "preset": "quick", **more}))
    predictions = [{"id": str(i), "verdict": verdict} for i, verdict in enumerate(verdicts)]
    (folder / "verdict.json").write_text(json.dumps({"predictions": predictions}))


def test_the_newest_run_is_the_one_that_ended_last(tmp_path):
    store(tmp_path / "a/b/quick-2", "2026-01-02T00:00:00+00:00", ["refuted"])
    store(tmp_path / "a/b/quick-1", "2026-01-03T00:00:00+00:00", ["supported", "supported", "inconclusive"])
    run = newest_run(tmp_path, "a/b")
    assert run
    assert run.folder.name == "quick-1"
    assert run.counts == {"supported": 2, "refuted": 0, "inconclusive": 1}
    assert run.summary == "2 supported, 1 inconclusive"


def test_no_run_is_none(tmp_path):
    assert newest_run(tmp_path / "nowhere", "a/b") is None
    (tmp_path / "a/b/unfinished").mkdir(parents=True)
    assert newest_run(tmp_path, "a/b") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"null", b'"word"', b"[" * 100_000])
def test_a_damaged_manifest_is_passed_over(tmp_path, content):
    store(tmp_path / "a/good", "2026-01-01", ["supported"])
    store(tmp_path / "a/bad", "2026-01-09")
    (tmp_path / "a/bad/manifest.json").write_bytes(content)
    run = newest_run(tmp_path, "a")
    assert run
    assert run.folder.name == "good"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"predictions": 3}', b'{"predictions": [1, {"verdict": 2}]}'])
def test_a_damaged_verdict_counts_nothing(tmp_path, content):
    store(tmp_path / "a/run", "2026-01-01")
    (tmp_path / "a/run/verdict.json").write_bytes(content)
    run = newest_run(tmp_path, "a")
    assert run
    assert run.summary == "no verdict"
