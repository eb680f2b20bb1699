"""Fetching data sets: what a package may do wrong, what a machine may lack, and that nothing is lost."""

import gzip
import hashlib
import io
import sys
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import filelock
import pytest

from dlnotes.data import fetch, sources
from dlnotes.data.sources import File, Source

CONTENTS = {"a.bin": bytes(range(256)) * 8, "b.txt.gz": b"words, words, words"}


def packed(name):
    return gzip.compress(CONTENTS[name]) if name.endswith(".gz") else CONTENTS[name]


def source_of(**changes):
    files = tuple(
        File(name, f"package/{name}", len(content), hashlib.sha256(content).hexdigest())
        for name, content in CONTENTS.items()
    )
    return Source("toy", "a toy", "none", ("x",), files, "npm", "toy", "1.0", 0.1)._replace(**changes)


def tar(entries):
    """A .tgz of (name, content), or of (name, kind of a link) as tarfile calls it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in entries:
            entry = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
            else:
                entry.type, entry.linkname = content.encode(), "/etc/passwd"
                archive.addfile(entry)
    return stream.getvalue()


def whole():
    return tar([("package/readme", b"hello"), *((f"package/{name}", packed(name)) for name in CONTENTS)])


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """toy(content, name, **changes): a client that delivers this package; returns the number of its calls so far."""
    monkeypatch.setenv("DLNOTES_DATA", str(tmp_path / "data"))
    calls = []

    def install(content, name="toy-1.0.tgz", **changes):
        made = source_of(**changes)
        monkeypatch.setattr(sources, "sources", lambda: {"toy": made})
        (tmp_path / name).write_bytes(content)

        def command(source, folder):
            calls.append(folder)
            return [sys.executable, "-c", f"import shutil; shutil.copy({str(tmp_path / name)!r}, {str(folder)!r})"]

        monkeypatch.setattr(fetch, "_command", command)
        return calls

    return install


def left(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_named_files_are_taken_out_and_nothing_else(toy):
    toy(whole())
    said = []
    folder = fetch.get("toy", said.append)
    assert left(folder) == ["a.bin", "b.txt.gz"]
    assert [sources.read(source_of(), file) for file in source_of().files] == list(CONTENTS.values())
    assert said == ["fetching npm package toy 1.0 (0.1 MB)", "checking and unpacking"]


def test_a_wheel_is_read_alike(toy):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in CONTENTS:
            archive.writestr(f"package/{name}", packed(name))
    toy(stream.getvalue(), "toy-1.0-py3-none-any.whl")
    assert left(fetch.get("toy")) == ["a.bin", "b.txt.gz"]


def test_what_is_there_is_not_fetched_again_and_what_is_damaged_is(toy):
    calls = toy(whole())
    folder = fetch.get("toy")
    fetch.get("toy")
    assert len(calls) == 1
    (folder / "a.bin").write_bytes(b"damaged")
    kept = (folder / "b.txt.gz").stat().st_mtime_ns
    fetch.get("toy")
    assert len(calls) == 2
    assert (folder / "a.bin").read_bytes() == CONTENTS["a.bin"]
    assert (folder / "b.txt.gz").stat().st_mtime_ns == kept


def test_all_of_it_is_in_one_folder_be_it_the_systems(toy, tmp_path):
    system = tmp_path / "system"
    system.mkdir()
    for name in CONTENTS:
        (system / name).write_bytes(packed(name))
    calls = toy(whole(), system=str(system))
    assert fetch.get("toy") == system
    assert not calls
    (system / "a.bin").write_bytes(b"damaged")
    for _ in range(2):
        assert left(fetch.get("toy")) == ["a.bin", "b.txt.gz"]
    assert len(calls) == 1
    assert sources.folder(source_of(files=())) is None


MEND = "put its files into .*toy yourself: a.bin, b.txt.gz$"


@pytest.mark.parametrize(
    ("archive", "said"),
    [
        (tar([("package/a.bin", CONTENTS["a.bin"])]), "has no package/b.txt.gz"),
        (tar([("package/a.bin", b"x" * 2048), ("package/b.txt.gz", packed("b.txt.gz"))]), f"SHA-256.*; {MEND}"),
        (tar([("package/a.bin", bytes(10_000_000))]), f"more than 2,048 bytes.*; {MEND}"),
        (tar([("package/b.txt.gz", gzip.compress(bytes(10_000_000))[:1000])]), f"more than 19 bytes.*; {MEND}"),
        (tar([("package/a.bin", tarfile.SYMTYPE.decode())]), "no regular file"),
        (tar([("package/a.bin", tarfile.LNKTYPE.decode())]), "no regular file"),
        (whole()[:150], "damaged"),
        (b"<html>not found</html>", "damaged"),
    ],
    ids=["incomplete", "other content", "too long", "bomb", "symlink", "hard link", "cut short", "no package"],
)
def test_a_lying_package_is_refused(toy, tmp_path, archive, said):
    toy(archive)
    with pytest.raises(ValueError, match=said) as refused:
        fetch.get("toy")
    assert "\n" not in str(refused.value)
    assert not {"fetching", "passwd"} & set(left(tmp_path / "data" / "toy"))
    toy(whole())
    assert left(fetch.get("toy")) == ["a.bin", "b.txt.gz"]  # and nothing stands in the way of a good one


def test_names_that_point_elsewhere_are_never_followed(toy, tmp_path):
    toy(tar([("../../outside", b"x"), ("/tmp/outside", b"x"), *((f"package/{n}", packed(n)) for n in CONTENTS)]))
    fetch.get("toy")
    assert not list(tmp_path.rglob("outside"))


def test_an_archive_that_is_not_the_known_one_is_not_opened(toy):
    toy(whole(), archive="0" * 64)
    with pytest.raises(ValueError, match=f"it was not opened: try again, or {MEND}"):
        fetch.get("toy")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["no-such-client"], "no-such-client is not on this machine"),
        ([sys.executable, "-c", "import sys; sys.exit('name not resolved')"], "name not resolved; is there a network"),
        ([sys.executable, "-c", ""], "could not fetch"),
    ],
    ids=["missing", "fails", "brings nothing"],
)
def test_a_client_that_cannot_says_why_and_where_files_go(toy, monkeypatch, tmp_path, command, said):
    toy(whole())
    monkeypatch.setattr(fetch, "_command", lambda source, folder: command)
    with pytest.raises(fetch.FetchError, match=said) as failed:
        fetch.get("toy")
    assert str(tmp_path / "data" / "toy") in str(failed.value)
    assert "a.bin, b.txt.gz" in str(failed.value)


def test_a_folder_that_cannot_be_written_is_named(toy, monkeypatch, tmp_path):
    toy(whole())
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DLNOTES_DATA", str(tmp_path / "file"))
    with pytest.raises(fetch.FetchError, match="DLNOTES_DATA"):
        fetch.get("toy")


def test_leavings_of_a_killed_process_are_swept(toy, tmp_path):
    toy(whole())
    old = tmp_path / "data" / "toy" / "fetching-old"
    old.mkdir(parents=True)
    (old / "half").write_bytes(b"x")
    assert left(fetch.get("toy")) == ["a.bin", "b.txt.gz"]


def test_of_two_at_a_time_one_waits_and_finds_it_done(toy, monkeypatch):
    """Threads with a lock of their own each: to the file they lock they are as two processes."""
    calls = toy(whole())
    look, download = fetch._missing, fetch._download
    both, first = threading.Barrier(2, timeout=60), threading.local()

    def look_together(source):
        missing = look(source)
        if not hasattr(first, "past"):
            first.past = both.wait()  # here each has seen that all is missing, and neither has the lock
        return missing

    def alone(source, folder):
        with pytest.raises(filelock.Timeout):  # a third could not come in
            filelock.FileLock(sources.home(source) / ".lock").acquire(timeout=0)
        return download(source, folder)

    monkeypatch.setattr(fetch, "_missing", look_together)
    monkeypatch.setattr(fetch, "_download", alone)
    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(fetch.get, ["toy", "toy"]))
    assert left(folders[0]) == ["a.bin", "b.txt.gz"]
    assert len(calls) == 1


def test_what_needs_no_fetching_says_so():
    with pytest.raises(fetch.FetchError, match="comes with"):
        fetch.get("digits")


def test_the_table_is_whole():
    for source in sources.sources().values():
        assert source.what
        assert source.licence
        assert len(set(source.classes)) == len(source.classes) == 10
        assert bool(source.files) == bool(source.client)
        for file in source.files:
            assert len(bytes.fromhex(file.sha256)) == 32
            assert file.bytes > 0
