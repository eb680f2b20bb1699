"""The report: every verdict in words, damage named, nothing lost, pages that stand alone on disk."""

import json
import re
import runpy
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from dlnotes.lab import statistics, verdicts
from dlnotes.lab.discover import load
from dlnotes.lab.errors import LabError, RunFailed
from dlnotes.lab.predictions import judge
from dlnotes.lab.report import build, interval, site, words
from dlnotes.lab.verdicts import Verdict

SYNTHETIC = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "synthetic.py"))
VOID = {"meta", "link", "br", "wbr", "img", "input", "hr"}
HE = "initialization/xavier_vs_he"


def silent(text: str) -> None:
    """Takes what build tells."""


def made(tmp_path: Path, runs: Path, name: str = "report", note=silent) -> Path:
    return build(runs, tmp_path / name, note=note).parent


def one_run(tmp_path: Path, **facts) -> tuple[Path, Path, Path]:
    """Runs folder, experiment file and run folder of a single run."""
    path = SYNTHETIC["experiment"](tmp_path / "files", "he")
    return tmp_path / "runs", path, SYNTHETIC["run"](tmp_path / "runs", HE, path, **facts)


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


class Page(HTMLParser):
    """Collects what matters of a page, and that its elements are closed in order."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []
        self.tags: list[tuple[str, dict]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        facts = dict(attrs)
        self.tags.append((tag, facts))
        self.ids += [facts["id"]] if facts.get("id") else []
        self.links += [facts[name] for name in ("href", "src") if facts.get(name)]
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []

    def handle_endtag(self, tag):
        assert self.open[-1:] == [tag], f"</{tag}> does not close what is open"
        self.open.pop()


def test_every_page_is_well_formed_and_speaks(everything):
    for path in everything[0].rglob("*.html"):
        html = path.read_text()
        seen = Page(html)
        tags = [tag for tag, _ in seen.tags]
        assert not seen.open, path
        assert html.startswith('<!doctype html>\n<html lang="en">'), path
        assert len(set(seen.ids)) == len(seen.ids), path
        assert seen.headings[0] == 1, path
        assert seen.headings.count(1) == 1, path
        assert all(after - before <= 1 for before, after in zip(seen.headings, seen.headings[1:], strict=False)), path
        assert tags.count("table") == tags.count("caption"), path
        assert tags.count("main") == 1, path
        assert all(facts.get("scope") for tag, facts in seen.tags if tag == "th"), path
        assert all(facts.get("role") == "img" for tag, facts in seen.tags if tag == "svg"), path
        assert not {"script", "style"} & set(tags), path
        assert 'class="skip" href="#main"' in html, path


def test_links_resolve_and_nothing_is_fetched_from_elsewhere(everything):
    for path in everything[0].rglob("*"):
        text = path.read_text() if path.is_file() else ""
        assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", text), path
        for link in Page(text).links if path.suffix == ".html" else ():
            to = urlsplit(link)
            if to.scheme == "data":
                continue
            target = (path.parent / unquote(to.path)).resolve() if to.path else path
            assert target.is_file(), (path, link)
            assert target.is_relative_to(everything[0]), (path, link)
            assert not to.fragment or to.fragment in Page(target.read_text()).ids, (path, link)


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


def verdict(direction="greater", effect=0.5, low=0.4, high=0.6, margin=0.1, target=0.0) -> Verdict:
    """A supported verdict with these numbers."""
    named = {"effect": effect, "low": low, "high": high, "margin": margin, "target": target, "direction": direction}
    words = {"id": "a", "statement": "a", "source": "b", "verdict": "supported", "reason": ""}
    return Verdict(**named, **words, n_seeds=16, n_nonfinite=0, p=float("nan"), p_holm=float("nan"))


@pytest.mark.parametrize(
    "claim",
    [
        verdict(),
        verdict("less", -0.5, -0.6, -0.4),
        verdict("equivalent", -1.0, -1.001, -0.999, 0.02, -1.0),
        verdict("greater", 5e6, 4e6, 6e6, 1.0),
        verdict("equivalent", 0.0, 0.0, 0.0, 1e-9),
    ],
)
def test_a_supported_interval_is_drawn_inside_the_claimed_band(claim):
    svg = interval.draw(claim)
    number = r'="(-?[\d.]+)"'
    left, width = (float(x) for x in re.search(rf'claimed" x{number} y="3" width{number}', svg).groups())
    low, high = (float(x) for x in re.search(rf'bar" x1{number} y1="16" x2{number}', svg).groups())
    dot = float(re.search(rf"cx{number}", svg)[1])
    assert left <= low <= dot <= high <= left + width
    assert 0 <= dot <= interval.WIDTH
    assert f"claimed: {words.claim(claim)}" in svg


def test_a_refuted_interval_is_drawn_outside_and_an_unknown_one_not_at_all():
    svg = interval.draw(verdict("less", 0.5, 0.4, 0.6))
    edge = float(re.search(r'margin" x1="([\d.]+)"', svg)[1])
    assert float(re.search(r'bar" x1="([\d.]+)"', svg)[1]) > edge
    nan = float("nan")
    assert interval.draw(verdict(effect=nan, low=nan, high=nan)) == ""
    assert "bar" not in interval.draw(verdict(low=nan, high=nan))


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (words.number(-0.00012345), "−0.000123"),
        (words.number(1.5e-9), "1.5 × 10⁻⁹"),
        (words.number(float("nan")), "not finite"),
        (" ".join(words.aligned(1.8765, 1.8, 1.99)), "1.88 1.80 1.99 "),
        (" ".join(words.aligned(-0.0054, -0.0118, 0.0017)), "−0.005 −0.012 0.002 "),
        (" ".join(words.aligned(2.0, 2.0, 2.0)), "2.0000 2.0000 2.0000 "),
        ("".join(words.aligned(8.5e-5, 8.49e-5, 8.52e-5)), "8.5008.4908.520 × 10⁻⁵"),
        ("".join(words.aligned(5.1e6, 4e6, 6e6)), "5.14.06.0 × 10⁶"),
        (words.interval(verdict(effect=8.3e-7, low=6e-7, high=9.5e-7)), "(8.3 [6.0, 9.5]) × 10⁻⁷"),
        ("|".join(words.estimate(verdict(effect=8.3e-7, low=6e-7, high=9.5e-7))), "8.3|[6.0, 9.5]| × 10⁻⁷"),
        (words.interval(verdict(low=float("nan"))), "0.5"),
        (words.interval(verdict(effect=float("nan"))), "–"),
        (words.aligned(0.0, 0.0, 0.0)[0] + words.number(-0.0), "00"),
        (words.marked("*ahead* of `full` <b> 2*3*4"), "<em>ahead</em> of <code>full</code> &lt;b&gt; 2*3*4"),
        (words.seconds(0.0123), "0.0123 s"),
        (words.seconds(200), "3 min 20 s"),
        (words.seconds(7500), "2 h 05 min"),
        (words.seconds(None), "–"),
        (words.moment("2026-11-21T03:25:00+00:00"), "21 November 2026, 03:25 UTC"),
        (words.moment("long ago"), "long ago"),
        (words.setting({"xavier": 1.0, "he": [0.5, True]}), "xavier = 1, he = 0.5, true"),
        (
            words.device({"platform": "gpu", "kind": "NVIDIA H200", "count": 1, "hosts": 1}),
            "1 GPU device (NVIDIA H200)",
        ),
        (
            words.device({"platform": "gpu", "kind": "H200", "count": 16, "hosts": 2}),
            "16 GPU devices (H200) on 2 hosts",
        ),
        (words.minus("interval [-0.1, -2e-05] at 1-2"), "interval [−0.1, −2e-05] at 1-2"),
        (words.claim(verdict("equivalent", margin=0.02, target=-1.0)), "within 0.02 of −1"),
        (words.claim(verdict("less")), "below −0.1"),
        (words.probability(1e-9), "< 0.001"),
    ],
)
def test_words(said, wanted):
    assert said == wanted


def test_the_marks_name_every_verdict():
    assert tuple(site.MARKS) == verdicts.VERDICTS
    assert np.unique(list(site.MARKS.values())).size == 3
