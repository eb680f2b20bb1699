"""Finding and loading experiments: every name is found, every fault is one line that names its file."""

import contextlib
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlnotes.lab import discover
from dlnotes.lab.discover import CHAPTERS, HEADLINE, find_all, load, resolve
from dlnotes.lab.errors import LabError

GOOD = '''"""Is it so?

Sources: somewhere.
"""

from dlnotes import lab


def trial(key, *, size: int = 1) -> lab.Trial:
    return lab.Trial(lambda: key)


EXPERIMENT = lab.Experiment(__doc__, studies={"only": lab.Study(trial)})
'''


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def folder(tmp_path):
    """A folder of experiments: two chapters, one stem twice, a helper, a file that does not parse."""
    for name in ("units/relu", "units/elu", "vision/pooling", "rl/elu"):
        write(tmp_path / f"{name}.py", GOOD)
    write(tmp_path / "units/_helper.py", GOOD)
    write(tmp_path / "units/shared.py", "VALUE = 1\n")
    write(tmp_path / "vision/broken.py", '"""Broken?"""\nEXPERIMENT = (\n')
    write(tmp_path / "elsewhere/lost.py", GOOD)
    return tmp_path


def names(entries):
    return [entry.name for entry in entries]


def test_finds_experiments_chapter_by_chapter(folder):
    assert names(find_all(folder)) == ["units/elu", "units/relu", "vision/broken", "vision/pooling", "rl/elu"]
    first, *_ = find_all(folder)
    assert (first.chapter, first.question, first.path) == ("units", "Is it so?", folder / "units/elu.py")


def test_a_file_that_does_not_parse_is_listed_as_such(folder):
    broken = next(entry for entry in find_all(folder) if entry.name == "vision/broken")
    assert broken.question.startswith("does not parse (line 2: ")


def test_the_experiments_of_this_checkout_are_in_known_chapters_and_ask_a_question():
    for entry in find_all():
        assert entry.chapter in CHAPTERS
        assert entry.question.endswith("?"), entry.name


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["units/relu"], ["units/relu"]),
        (["relu"], ["units/relu"]),
        (["units"], ["units/elu", "units/relu"]),
        (["vision", "relu", "pooling"], ["vision/broken", "vision/pooling", "units/relu"]),
        (["all"], ["units/elu", "units/relu", "vision/broken", "vision/pooling", "rl/elu"]),
        (["relu", "units/relu", "relu"], ["units/relu"]),
    ],
)
def test_resolves_names_stems_and_chapters_each_once(folder, words, wanted):
    assert names(resolve(words, folder)) == wanted


def test_headline_is_the_four_in_their_order(tmp_path):
    for name in reversed(HEADLINE):
        write(tmp_path / f"{name}.py", GOOD)
    write(tmp_path / "optimization/other.py", GOOD)
    assert names(resolve(["headline"], tmp_path)) == list(HEADLINE)


def test_a_path_is_an_experiment_and_keeps_its_known_name(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert names(resolve(["elsewhere/lost.py"], folder)) == ["lost"]
    assert names(resolve(["./units/relu.py"], folder)) == ["units/relu"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("rellu", r"no experiment 'rellu' \(did you mean relu\?\)"),
        ("units/rulu", r"did you mean units/relu\?"),
        ("Headline", r"did you mean headline\?"),
        ("pool", r"did you mean pooling\?"),
        ("zzzz", "no experiment 'zzzz'; `dlnotes list` shows every name"),
        ("", "no experiment ''"),
        ("elu", "names 2 experiments; say which: units/elu, rl/elu"),
        ("sequence", "chapter sequence has no experiments yet"),
        ("headline", "headline experiments are missing: initialization/xavier_vs_he"),
        ("nowhere.py", "no file nowhere.py"),
        (".", r"\. is a folder"),
        ("units/", "units/ is a folder"),
    ],
)
def test_an_unknown_word_says_what_is_wanted(folder, monkeypatch, word, message):
    monkeypatch.chdir(folder)
    with pytest.raises(LabError, match=message) as caught:
        resolve([word], folder)
    assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=20))
def test_no_word_makes_another_error_than_a_lab_error(word):
    with contextlib.suppress(LabError):
        assert resolve([word])


def test_loads_an_experiment_with_name_and_path(folder):
    experiment = load(resolve(["relu"], folder)[0])
    assert (experiment.name, experiment.path) == ("units/relu", folder / "units/relu.py")
    assert experiment.question == "Is it so?"
    assert load(folder / "elsewhere/lost.py").name == "lost"


def test_loads_what_the_file_says_now(folder):
    path = folder / "units/relu.py"
    assert load(path).question == "Is it so?"
    path.write_text(
        GOOD.replace("Is it so?", "Is it no?")
    )  # as long as before, in the same second: a cache would not see it
    assert load(path).question == "Is it no?"
    assert not list(folder.glob("**/*.pyc"))


def test_an_experiment_imports_the_files_beside_it(folder):
    write(folder / "own/beside_it.py", "QUESTION = 'Is it beside?'\n")
    write(
        folder / "own/mine.py",
        GOOD.replace("__doc__,", "QUESTION,").replace("\n\n\ndef", "\nfrom beside_it import QUESTION\n\n\ndef"),
    )
    before = list(sys.path)
    try:
        assert load(folder / "own/mine.py").question == "Is it beside?"
    finally:
        sys.modules.pop("beside_it", None)
    assert sys.path == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (\n", r"bad\.py, line 1: SyntaxError: '\(' was never closed"),
        ("x = 1\ny = x / 0\n", r"bad\.py, line 2: ZeroDivisionError: division by zero"),
        ("\n\nimport no_such_module\n", r"bad\.py, line 3: ModuleNotFoundError: No module named 'no_such_module'"),
        ("def f():\n    raise ValueError('first\\nsecond')\nf()\n", r"bad\.py, line 2: ValueError: first$"),
        ("import sys\nsys.exit(3)\n", r"bad\.py, line 2: the file leaves Python"),
        (
            "from dlnotes import lab\nlab.Experiment('', {})\n",
            r"bad\.py, line 2: an experiment begins with its question",
        ),
        ("x = 1\n", r"bad\.py has no EXPERIMENT"),
        ("EXPERIMENT = 3\n", r"bad\.py: EXPERIMENT is a int, a lab\.Experiment is wanted"),
        ("x = '\0'\n", r"bad\.py"),
        (b"x = '\xff'\n", r"bad\.py"),
        (GOOD + "\nlab.main(__file__)\n", r"bad\.py, line 15: lab\.main runs on import; guard it"),
    ],
)
def test_a_file_that_is_no_experiment_is_one_line_with_file_and_line(tmp_path, text, message):
    path = tmp_path / "bad.py"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(LabError, match=message) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert not discover.importing()


def test_ctrl_c_passes_through_a_file(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        load(write(tmp_path / "stop.py", "raise KeyboardInterrupt\n"))


def test_finding_imports_no_array_library():
    code = (
        "import sys; from dlnotes.lab import discover, stored; discover.find_all(); "
        "sys.exit(' '.join({'jax', 'numpy', 'xarray', 'matplotlib', 'optax'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stderr.strip() == ""
