"""`dlnotes list`."""

import json
from pathlib import Path
from typing import Any

from dlnotes.lab.discover import Entry, find_all
from dlnotes.lab.stored import StoredRun, newest_run


def list_experiments(runs: Path, as_json: bool) -> None:
    """Print every experiment with the verdicts of its newest run."""
    found = [(entry, newest_run(runs, entry.name)) for entry in find_all()]
    if as_json:
        print(json.dumps([describe(entry, run) for entry, run in found], indent=1))
        return
    from dlnotes.cli.tables import Column, print_table, screen

    columns = (Column("experiment"), Column("newest verdicts"), Column("question", wide=True))
    rows = [(entry.name, run.summary if run else "not run", entry.question) for entry, run in found]
    print_table(screen(), columns, rows)


def describe(entry: Entry, run: StoredRun | None) -> dict[str, Any]:
    """An experiment as JSON."""
    newest = run and {
        "folder": str(run.folder),
        **{key: run.manifest.get(key) for key in ("preset", "seeds", "ended")},
        **run.counts,
    }
    return {"name": entry.name, "chapter": entry.chapter, "question": entry.question, "newest": newest}
