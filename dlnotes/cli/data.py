"""`dlnotes data`: the data sets, where they are, and fetching them."""

import json

from dlnotes.cli.tables import Column, is_live, print_table, say, screen
from dlnotes.data import fetch, sources
from dlnotes.lab.errors import LabError, RunFailed


def list_data(as_json: bool) -> None:
    """Print every data set, whether its files are here, where it comes from and under which licence."""
    known = sources.sources().values()
    if as_json:
        print(json.dumps([described(source) for source in known], indent=1))
        return
    columns = (Column("name"), Column("here"), Column("from"), Column("licence", wide=True), Column("what", wide=True))
    rows = [(s.name, "yes" if is_here(s) else "no", came_from(s), s.licence, s.what) for s in known]
    print_table(screen(), columns, rows)


def get_data(names: tuple[str, ...]) -> None:
    """Fetch data sets; prints the folder of each."""
    for name in names:
        check(name)
    console = screen(stderr=True)
    for name in names:
        if not sources.find(name).client:
            say(screen(), f"{name} comes with the dependencies: there is nothing to fetch")
            continue
        try:
            if is_live(console):
                with console.status(f"{name} …") as status:
                    folder = fetch.get(name, lambda text, name=name: status.update(f"{name}: {text} …"))
            else:
                folder = fetch.get(name, lambda text, name=name: say(console, f"{name}: {text}"))
        except (ValueError, OSError) as error:
            raise RunFailed(f"{name}: {error}") from error
        print(folder)


def print_path(name: str) -> None:
    """Print the folder that has a data set's files."""
    check(name)
    source = sources.find(name)
    if not source.client:
        raise LabError(f"{name} has no folder of its own: it comes with the dependencies; load it with images.load")
    if not is_here(source):
        raise RunFailed(
            f"{name} is not here yet: run `dlnotes data get {name}`, or put its files into {sources.home(source)}"
        )
    print(sources.folder(source))


def check(name: str) -> None:
    """Raise an error of the command line for an unknown name."""
    try:
        sources.find(name)
    except ValueError as error:
        raise LabError(str(error)) from error


def is_here(source: sources.Source) -> bool:
    """Whether all its files are on this machine (their content is checked when they are read)."""
    return all(sources.locate(source, file) for file in source.files)


def came_from(source: sources.Source) -> str:
    """The package and its size."""
    return f"{source.origin}, {source.megabytes:g} MB" if source.client else "scikit-learn"


def described(source: sources.Source) -> dict:
    """A data set as JSON."""
    folder = sources.folder(source)
    return {
        "name": source.name,
        "here": is_here(source),
        "folder": str(folder) if folder else None,
        "what": source.what,
        "licence": source.licence,
        "classes": source.classes,
        **{key: getattr(source, key) for key in ("client", "package", "version", "megabytes")},
        "files": {file.name: file.sha256 for file in source.files},
    }
