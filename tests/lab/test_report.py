"""The report: every verdict in words, damage named, changes told, nothing lost."""

import json
import re
import runpy
from html import unescape
from pathlib import Path

import pytest

from dlnotes.lab import statistics
from dlnotes.lab.discover import load
from dlnotes.lab.predictions import judge
from dlnotes.lab.report import build, words

SYNTHETIC = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "synthetic.py"))
HE = "initialization/xavier_vs_he"
one_run = SYNTHETIC["one_run"]


def silent(text: str) -> None:
    """Takes what build tells."""


def made(tmp_path: Path, runs: Path, name: str = "report", note=silent) -> Path:
    return build(runs, tmp_path / name, note=note).parent


def page(report: Path, name: str = HE) -> str:
    return (report / "experiments" / f"{name}.html").read_text()


def text_of(html: str) -> str:
    """What a reader sees."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html.split("<body>")[1])).split())


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """A report of good and damaged runs, and what was told while it was made."""
    folder, told = tmp_path_factory.mktemp("everything"), []
    return made(folder, SYNTHETIC["make"](folder), note=told.append), told


def test_the_first_page_gives_every_verdict_in_words(everything):
    html = (everything[0] / "index.html").read_text()
    text = text_of(html)
    assert "9 predictions in 3 experiments" in text
    assert "2 CPU devices" in text
    table = html[html.index('<table class="verdicts"') :]
    said = re.findall(r'class="verdict (\w+)"><span aria-hidden="true">.</span> (\w+)</span>', table)
    assert len(said) == 9
    assert all(kind == word for kind, word in said)
    assert [word for _, word in said[:3]] == ["supported", "refuted", "inconclusive"]
    assert "Does he <train> deeper & faster?" in text
    assert "<train>" not in html
    assert "9.63 s compiling, 13.7 s running" in text


def test_damage_is_named_and_the_rest_is_shown(everything):
    report, told = everything
    text = text_of((report / "index.html").read_text())
    assert "2 runs left out" in text
    assert "vision/under_way/full-222222222222" in text
    assert "normalization/batchnorm_smoothing/standard-111111111111 manifest.json cannot be used" in text
    assert "optimization/newton_vs_first_order/standard-abcdef012345 cannot read results.nc" in text
    assert sum("left out" in line for line in told) == 2
    assert {path.stem for path in (report / "experiments").rglob("*.html")} == {
        "xavier_vs_he", "adam_bias_correction", "mine",
    }  # fmt: skip


def test_lost_seeds_are_counted_and_make_a_prediction_inconclusive(everything):
    text = text_of(page(everything[0], "optimization/adam_bias_correction"))
    assert "2 of 12 121" in text
    assert "2 of 12 effects are not finite" in text
    assert "3 inconclusive" in text
    assert "supported" not in text.split("In each drawing")[0]


def test_the_larger_preset_is_shown_and_among_equals_the_newest(tmp_path):
    runs, path, _ = one_run(tmp_path)
    run = SYNTHETIC["run"]
    run(runs, HE, path, preset="quick", seeds=4, ended="2027-01-01T00:00:00+00:00")
    run(runs, HE, path, seeds=12, id="newer", ended="2026-12-01T00:00:00+00:00")
    text = text_of(page(made(tmp_path, runs)))
    assert "Run standard-newer" in text
    assert "12 seeds" in text
    assert re.search(r"not shown: standard-abcdef012345 .*, quick-abcdef012345 \(4 seeds", text)
    run(runs, HE, path, preset="full", seeds=10)
    assert "Run full-abcdef012345" in text_of(page(made(tmp_path, runs)))


def test_a_damaged_run_gives_way_to_the_next_best(tmp_path):
    runs, path, folder = one_run(tmp_path)
    SYNTHETIC["run"](runs, HE, path, preset="quick", seeds=4)
    (folder / "results.nc").write_bytes(b"no netCDF")
    told: list[str] = []
    report = made(tmp_path, runs, note=told.append)
    assert "Run quick-abcdef012345" in text_of(page(report))
    assert any(line.startswith(f"left out {HE}/standard-abcdef012345") for line in told)


def test_verdicts_come_from_the_results_not_from_what_was_stored(tmp_path):
    runs, _, folder = one_run(tmp_path)
    stored = folder / "verdict.json"
    stored.write_text(stored.read_text().replace('"supported"', '"refuted"'))
    assert json.loads(stored.read_text())["predictions"][0]["verdict"] == "refuted"
    assert "1 supported" in text_of(page(made(tmp_path, runs)))


def test_holm_is_over_the_whole_report(tmp_path):
    """Eight seeds give p = 2/2⁸ at best: enough among the three predictions of one experiment, not among nine."""
    runs, _, _ = one_run(tmp_path, seeds=8)
    text = text_of(page(made(tmp_path, runs)))
    assert "1 supported" in text
    for arm in ("adam", "newton"):
        path = SYNTHETIC["experiment"](tmp_path / "files", arm)
        SYNTHETIC["run"](runs, f"optimization/{arm}", path, seeds=8)
    predictions = load(tmp_path / "files" / "he.py").predictions
    alone = [verdict.p for verdict in judge(predictions, SYNTHETIC["results"]("he", 8), lenient=True)]
    whole = statistics.holm(alone * 3)
    text = text_of(page(made(tmp_path, runs)))
    assert "1 supported" not in text
    assert f"{words.probability(alone[0])}, {words.probability(float(whole[0]))}" in text
    assert "Holm's correction over 9 predictions" in text


def test_without_the_experiment_what_was_stored_is_shown_and_said(tmp_path):
    runs, path, folder = one_run(tmp_path, source={"path": "gone.py", "sha256": "0"}, id="x")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"experiment": "gone"}))
    path.unlink()
    text = text_of(page(made(tmp_path, runs), "gone"))
    assert "The experiment cannot be loaded here" in text
    assert "stored after the run" in text
    assert "he ends at a lower loss" in text
    assert "1 supported" in text
    assert "dlnotes run gone.py --preset standard --seeds 16" in text
    assert "he goes on where plain stops" in page(made(tmp_path, runs), "gone")
    (folder / "verdict.json").write_text('{"predictions": [{"id": 3}]}')
    told: list[str] = []
    report = made(tmp_path, runs, note=told.append)
    assert any("verdict.json is damaged" in line for line in told)
    assert not (report / "experiments" / "gone.html").exists()


def test_a_changed_experiment_is_said(tmp_path):
    runs, path, _ = one_run(tmp_path)
    assert "has changed" not in page(made(tmp_path, runs))
    path.write_text(path.read_text().replace("margin=0.1", "margin=0.2").replace('"ends_at_half"', '"half"'))
    report = made(tmp_path, runs)
    text = text_of(page(report))
    assert "has changed since this run" in text
    assert "see notes" in (report / "index.html").read_text()
    assert "Predictions with another margin than before the run: ends_lower, ends_higher." in text
    assert "Predictions added after the run: half." in text
    assert "Predictions withdrawn since the run: ends_at_half." in text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('results.training.loss, hue="gain"', 'results.training.gone, hue="gain"', "The figure cannot be drawn"),
        ('final.sel(gain="plain") -', "undefined -", "The predictions cannot be judged again"),
        ("EXPERIMENT = lab", "EXPERIMENT = lab.Gone", "The experiment cannot be loaded here"),
    ],
)
def test_broken_experiment_code_leaves_the_stored_page(tmp_path, old, new, said):
    runs, path, _ = one_run(tmp_path)
    path.write_text(path.read_text().replace(old, new))
    html = page(made(tmp_path, runs))
    assert said in text_of(html)
    assert "he.py" in text_of(html)
    assert "he goes on where plain stops" in html
    assert "he ends at a lower loss" in html


@pytest.mark.parametrize("damage", ["[]", '{"experiment": 3}', "\udcff", '{"experiment": "../../x", "preset": "a"}'])
def test_strange_manifests_are_left_out(tmp_path, damage):
    runs, _, folder = one_run(tmp_path)
    (folder / "manifest.json").write_bytes(damage.encode(errors="surrogateescape"))
    assert "1 run left out" in text_of((made(tmp_path, runs) / "index.html").read_text())


def test_a_manifest_of_another_version_is_enough(tmp_path):
    runs, _, folder = one_run(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    optional = (
        "seconds",
        "device",
        "git",
        "versions",
        "settings",
        "programs",
        "non_finite",
        "ended",
        "steps_per_second",
    )
    for key in optional:
        del manifest[key]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    report = made(tmp_path, runs)
    assert "1 supported" in text_of(page(report))
    assert "unknown device" in text_of((report / "index.html").read_text())


@pytest.mark.parametrize("exists", [True, False])
def test_an_empty_folder_says_how_to_begin(tmp_path, exists):
    runs, told = tmp_path / "runs", []
    if exists:
        runs.mkdir()
    report = made(tmp_path, runs, note=told.append)
    assert "dlnotes run headline" in text_of((report / "index.html").read_text())
    assert any("no finished run" in line for line in told)
    assert runs.exists() == exists


def test_a_stored_figure_with_a_script_is_not_shown(tmp_path):
    runs, path, folder = one_run(tmp_path)
    path.write_text(path.read_text().replace("EXPERIMENT = lab", "EXPERIMENT = lab.Gone"))
    (folder / "figure.svg").write_text('<svg role="img"><script>alert(1)</script></svg>')
    html = page(made(tmp_path, runs))
    assert "alert" not in html
    assert "There is no figure of this run." in text_of(html)


def test_the_command_names_what_differs_from_the_preset(tmp_path):
    changed = {"training": {"gain": {"he": 2.0}, "width": 16}}
    runs, _, _ = one_run(tmp_path, seeds=20, settings=changed)
    text = text_of(page(made(tmp_path, runs)))
    options = "--preset standard --seeds 20 --sweep training.gain=he --set training.width=16"
    assert f"dlnotes run {HE} {options}" in text
