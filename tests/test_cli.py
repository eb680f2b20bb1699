"""The command line: what each command prints, and one line with the right exit code for each mistake."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlnotes.cli import listing, main
from dlnotes.cli import run as run_module
from dlnotes.lab import discover
from dlnotes.lab.errors import Interrupted, LabError, RunFailed

ROOT = Path(__file__).resolve().parent.parent
DESCENT = '''"""Does a larger step descend faster?

Sources: cs182 3.1.
"""

import jax
import jax.numpy as jnp
from jax import Array

from dlnotes import lab


def trial(key, *, rate: Array, size: int = 3, steps: int = 6) -> lab.Trial:
    def step(x, t):
        return x - rate * x, {"loss": jnp.sum(x**2)}

    return lab.Trial(lambda: jax.random.normal(key, (size,)), step, steps=steps, every=3)


def gap(results):
    final = results.training.loss.isel(step=-1)
    return final.sel(rate="slow") - final.sel(rate="fast")


EXPERIMENT = lab.Experiment(
    __doc__,
    studies={"training": lab.Study(trial, {"rate": {"slow": 0.1, "fast": 0.5}})},
    predictions=(lab.Greater("faster", "a larger step ends lower", gap, source="cs182 3.1"),),
    presets={"quick": {"seeds": 2, "steps": 3}},
)

if __name__ == "__main__":
    lab.main(__file__)
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder with one experiment in it, and dlnotes' own experiments replaced by two copies of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DLNOTES_RUNS", raising=False)
    for place in ("descent.py", "experiments/units/relu.py", "experiments/vision/pooling.py"):
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).write_text(DESCENT)
    monkeypatch.setattr(discover, "experiments_folder", lambda: tmp_path / "experiments")
    return tmp_path


def error_of(capsys, *arguments):
    """The exit code and the one line on stderr of a command line that fails."""
    code = main(arguments)
    captured = capsys.readouterr()
    assert captured.err.startswith("dlnotes: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    return code, captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], "No such command 'rnu'"),
        (["run"], "Missing argument 'EXPERIMENT...'"),
        (["show"], "Missing argument 'EXPERIMENT'"),
        (["run", "relu", "--sedes", "3"], "No such option '--sedes'"),
        (["run", "relu", "--seeds", "0"], "0 is not in the range"),
        (["run", "relu", "--seeds", "-1"], "-1 is not in the range"),
        (["run", "relu", "--seeds", "many"], "'many' is not a valid integer"),
        (["run", "relu", "--seeds"], "'--seeds' requires an argument"),
        (["run", "relu", "--group", "0"], "0 is not in the range"),
        (["run", "relu", "--preset", "quik"], "units/relu: no preset 'quik' (did you mean quick?)"),
        (["run", "rellu"], "no experiment 'rellu' (did you mean relu?)"),
        (["run", "visoin"], "did you mean vision?"),
        (["run", "sequence"], "chapter sequence has no experiments yet"),
        (["run", "headline"], "headline experiments are missing"),
        (["run", "nowhere.py"], "no file nowhere.py"),
        (["run", "experiments/units"], "is a folder"),
        (["run", "relu", "--set", "rat=3"], "no setting 'rat' (did you mean rate?); choose among rate, size, steps"),
        (["run", "relu", "--set", "size=1.5"], "size: a whole number is wanted, got '1.5'"),
        (["run", "relu", "--set", "rate"], "--set wants NAME=VALUE"),
        (["run", "relu", "--sweep", "size=3,3"], "3 is there twice"),
        (["run", "relu", "--sweep", f"size={','.join(map(str, range(1, 600)))}"], "599 programs to compile"),
        (["run", "relu", "--runs", "descent.py"], "descent.py is a file, a folder is wanted"),
        (["run", "relu", "--runs", "descent.py/x"], "cannot write in"),
        (["run", "x" * 5000], "no experiment 'xxx"),
        (["run", "relu", "--runs", "x" * 5000], "cannot write in"),
        (["show", "all"], "all is 2 experiments; name one: units/relu, vision/pooling"),
        (["show", "rulu"], "did you mean relu?"),
        (["report", "--runs", "nowhere"], "no runs in nowhere"),
        (["list", "extra"], "unexpected extra argument"),
    ],
)
def test_each_mistake_is_one_line_and_exit_code_2(here, capsys, arguments, message):
    code, line = error_of(capsys, *arguments)
    assert code == 2
    assert message in line
    assert not list(here.glob("runs/**/*.json"))


def test_a_broken_file_is_one_line_with_its_place(here, capsys):
    Path("broken.py").write_text("x = 1\nx = (\n")
    code, line = error_of(capsys, "run", "broken.py")
    assert code == 2
    assert "broken.py, line 2: SyntaxError" in line


def test_list_shows_every_experiment_and_its_newest_verdicts(here, capsys):
    assert main(["list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "experiment      newest verdicts  question",
        "units/relu      not run          Does a larger step descend faster?",
        "vision/pooling  not run          Does a larger step descend faster?",
    ]
    folder = here / "elsewhere/units/relu/quick-1"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"ended": "2026-01-01", "preset": "quick", "seeds": 2}')
    (folder / "verdict.json").write_text('{"predictions": [{"verdict": "refuted"}]}')
    assert main(["list", "--runs", "elsewhere", "--json"]) == 0
    relu, pooling = json.loads(capsys.readouterr().out)
    assert relu["newest"] == {
        "folder": str(Path("elsewhere/units/relu/quick-1")),
        "preset": "quick",
        "seeds": 2,
        "ended": "2026-01-01",
        "supported": 0,
        "refuted": 1,
        "inconclusive": 0,
    }
    assert pooling == {
        "name": "vision/pooling",
        "chapter": "vision",
        "question": "Does a larger step descend faster?",
        "newest": None,
    }


def test_show_says_everything_but_results(here, capsys):
    assert main(["show", "relu"]) == 0
    out = capsys.readouterr().out
    for text in (
        "units/relu\nDoes a larger step descend faster?\n",
        "Sources: cs182 3.1.",
        "Study training\n2 conditions × 16 seeds, 1 program to compile\n",
        "rate     Array  -        slow = 0.1, fast = 0.5\n",
        "size     int    3        3\n",
        "faster: a larger step ends lower [effect above 0; cs182 3.1]\n",
        "standard     16           2         1  as written\n",
        "quick         2           2         1  steps = 3\n",
    ):
        assert text in out


def test_run_prints_verdicts_as_lines_and_keeps_the_run(here, capsys):
    assert main(["run", "descent.py", "--seeds", "12"]) == 0
    first = capsys.readouterr()
    head, verdict, counts, place = first.out.splitlines()
    assert head.split() == ["effect", "seeds", "verdict", "seconds", "claim"]
    assert verdict.split()[3:5] == ["12", "supported"]
    assert verdict.endswith("descent: a larger step ends lower")
    assert counts.startswith("1 supported, 0 refuted, 0 inconclusive")
    assert place == "stored in runs; `dlnotes report` writes the report"
    assert "[1/1] descent: standard, 12 seeds" in first.err
    assert "training: 24 trials of 6 steps, compiled in" in first.err
    (stored,) = here.glob("runs/descent/standard-*/manifest.json")
    assert json.loads(stored.read_text())["seeds"] == 12
    assert main(["run", "descent.py", "--seeds", "12"]) == 0
    again = capsys.readouterr()
    assert "descent was finished before" in again.err
    assert again.out == first.out


def test_run_as_json_is_one_document_and_holm_counts_all_predictions(here, capsys):
    assert main(["run", "all", "--seeds", "6", "--set", "steps=3", "--json", "--runs", "elsewhere"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [run["experiment"] for run in document["runs"]] == ["units/relu", "vision/pooling"]
    assert document["errors"] == []
    for run in document["runs"]:
        assert run["settings"]["training"]["steps"] == 3
        (prediction,) = run["predictions"]
        assert prediction["p_holm"] == pytest.approx(2 * prediction["p"])
        alone = json.loads((Path(run["folder"]) / "verdict.json").read_text())["predictions"][0]
        assert alone["p_holm"] == pytest.approx(alone["p"])


def test_an_error_in_one_experiment_does_not_keep_the_others_from_running(here, capsys):
    Path("broken.py").write_text("x = (\n")
    assert main(["run", "broken.py", "relu", "--preset", "quick", "--json"]) == 2
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert [run["experiment"] for run in document["runs"]] == ["units/relu"]
    assert [(error["experiment"], error["exit_code"]) for error in document["errors"]] == [("broken", 2)]
    assert captured.err.startswith("dlnotes: broken: ")


@pytest.mark.parametrize(
    ("error", "code", "ran"),
    [(RunFailed("the disk is full"), 1, 2), (LabError("bad"), 2, 2), (Interrupted("stopped"), 130, 1)],
)
def test_the_worst_error_decides_the_exit_code_and_ctrl_c_ends_the_call(here, capsys, monkeypatch, error, code, ran):
    calls = []

    def fail(experiment, **_):
        calls.append(experiment.name)
        raise error

    monkeypatch.setattr(run_module.engine, "run", fail)
    assert main(["run", "all"]) == code
    assert len(calls) == ran
    assert f"dlnotes: units/relu: {error}" in capsys.readouterr().err


def test_an_untested_prediction_and_lost_trials_are_told(here, capsys):
    assert main(["run", "descent.py", "--seeds", "2", "--sweep", "rate=slow,1e38"]) == 0
    out = capsys.readouterr().out
    assert "none      0  inconclusive" in out
    assert "descent: faster: not tested: " in out
    assert "descent: training rate=1e38: 2 of 2 trials not finite, first at step" in out


def test_many_programs_are_warned_of_before_they_are_compiled(here, capsys, monkeypatch):
    monkeypatch.setattr(run_module.engine, "run", lambda *_, **__: discover.complain("not now"))
    assert main(["run", "descent.py", "--sweep", "size=1,2,3,4,5,6,7,8,9"]) == 2
    assert "warning: 9 programs to compile, one for each value of training.size" in capsys.readouterr().err


def test_the_runs_folder_may_come_from_the_environment(here, capsys, monkeypatch):
    monkeypatch.setenv("DLNOTES_RUNS", "from_environment")
    assert main(["run", "descent.py", "--preset", "quick"]) == 0
    assert "`dlnotes report --runs from_environment`" in capsys.readouterr().out
    assert list(here.glob("from_environment/descent/quick-*/manifest.json"))


def test_report_ends_with_its_place(here, capsys):
    assert main(["run", "descent.py", "--preset", "quick"]) == 0
    assert main(["report", "--out", "pages"]) == 0
    place = Path(capsys.readouterr().out.splitlines()[-1])
    assert place == here / "pages/index.html"
    assert place.is_file()


def test_ctrl_c_is_130(here, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(listing, "list_experiments", interrupted)
    assert error_of(capsys, "list") == (130, "dlnotes: interrupted\n")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["run", "-h"], ["--version"]])
def test_help_is_no_error(here, capsys, arguments):
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.out
    assert captured.err == ""
    assert max(map(len, captured.out.splitlines())) <= 80


def python(*arguments, **more):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=200, env=environment, check=False, **more
    )


def test_list_imports_no_array_library():
    heavy = "{'jax', 'numpy', 'xarray', 'matplotlib', 'optax', 'scipy', 'flax'}"
    code = (
        f"import sys; from dlnotes.cli import main; main(['list']); print(*{heavy} & set(sys.modules), file=sys.stderr)"
    )
    assert python("-c", code).stderr.strip() == ""


def test_a_reader_that_goes_away_makes_no_noise():
    command = f"{sys.executable} -m dlnotes list | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert done.stderr == ""


def test_an_experiment_file_runs_by_itself_with_the_same_options(here):
    done = python("descent.py", "--preset", "quick", "--seeds", "3", cwd=here)
    assert done.returncode == 0, done.stderr
    assert "[1/1] descent: quick, 3 seeds" in done.stderr
    assert "inconclusive" in done.stdout
    wrong = python("descent.py", "--preset", "quik", cwd=here)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
