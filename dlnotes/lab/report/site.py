"""From a folder of runs to a folder of pages."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import jinja2
from markupsafe import Markup

from dlnotes import __version__
from dlnotes.lab.errors import LabError
from dlnotes.lab.files import atomic_write, sweep_temporaries, writable_folder
from dlnotes.lab.report import interval, lists, timings, words
from dlnotes.lab.report.judged import Judged, choose, together
from dlnotes.lab.report.reproduce import command
from dlnotes.lab.report.runs import Omitted, by_experiment, find
from dlnotes.lab.verdicts import VERDICTS

MARKER = ".dlnotes-report"
MARKS = {"supported": "✓", "refuted": "✗", "inconclusive": "?"}


def build(runs: Path, out: Path, *, note: Callable[[str], None] = print, measured: Path = timings.RESULTS) -> Path:
    """Write the report of all finished runs below `runs` into the folder `out`; returns its index.html.

    Each experiment is shown by one run: that of the larger preset (full, standard, quick), among these the newest. It
    is judged and drawn again from its stored results, Holm's correction made over the whole report; nothing is run.
    The benchmarks' records are those in the folder `measured`, which a checkout has; without it there is no page of
    them. What cannot be read is left out, told through `note` and on the pages. Nothing is written outside `out`; a
    folder that holds something else raises `LabError`.
    """
    runs, out = Path(runs), own_folder(Path(out))
    stored, omitted, unfinished = find(runs)
    pages = []
    for name, candidates in by_experiment(stored).items():
        page, damaged = choose(candidates, runs)
        omitted += damaged
        pages += [page] if page else []
        note(f"{name}: {'no run that can be shown' if page is None else page.run.folder.name}")
    for each in omitted:
        note(f"left out {each.place}: {each.reason}")
    if not pages:
        note(f"no finished run in {runs}: the report says how to begin")
    write(out, dict(rendered(together(pages), omitted, unfinished, timings.find(Path(measured), note))))
    return out / "index.html"


def own_folder(out: Path) -> Path:
    """The folder of the report: new, empty, or an earlier report; anything else raises `LabError`."""
    out = out.expanduser().absolute()
    begun = f".{MARKER}."  # the temporary of a marker: all that a report killed at its very beginning leaves
    strange = out.is_dir() and not all(path.name.startswith(begun) for path in out.iterdir())
    if strange and not (out / MARKER).is_file():
        raise LabError(f"{out} holds something else than a report; name a new or empty folder by --out")
    return writable_folder(out)


def write(out: Path, files: dict[str, str]) -> None:
    """Write every file, each whole or not at all, the index last; remove pages of an earlier report that are gone."""
    marker = out / MARKER
    before = marker.read_text().splitlines() if marker.exists() else []
    atomic_write(marker, "\n".join(sorted({*before, *files})) + "\n")
    for name in sorted(files, key=lambda name: name == "index.html"):
        sweep_temporaries((out / name).parent)
        atomic_write(out / name, files[name])
    for name in set(before) - set(files):
        gone = out / name
        if gone.resolve().is_relative_to(out.resolve()):
            gone.unlink(missing_ok=True)
    atomic_write(marker, "\n".join(sorted(files)) + "\n")


def rendered(
    pages: list[Judged], omitted: list[Omitted], unfinished: list[str], measured: tuple[timings.Machine, ...]
) -> Iterator[tuple[str, str]]:
    """Each file's name and text."""
    notes, errata = lists.atlas(), lists.errata()
    shared = {
        "pages": pages,
        "omitted": omitted,
        "unfinished": unfinished,
        "measured": measured,
        "notes": notes,
        "errata": errata,
        "shown": {page.name for page in pages},
        "known_errata": {erratum.id for erratum in errata},
    }
    env = environment()
    yield "style.css", env.get_template("style.css").render()
    for name in ("index", "atlas", "errata", *(["benchmarks"] if measured else [])):
        yield f"{name}.html", render(env, name, f"{name}.html", shared)
    for page in pages:
        href = page_of(page.name)
        yield href, render(env, "experiment", href, {**shared, "page": page})


def render(env: jinja2.Environment, template: str, href: str, values: dict[str, Any]) -> str:
    """One page; `up` leads from it to the report's folder."""
    up = "../" * (len(PurePosixPath(href).parts) - 1)
    text = env.get_template(f"{template}.html.j2").render(up=up, here=template, **values)
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"


def page_of(name: str) -> str:
    """Where the page of an experiment lies in the report."""
    return f"experiments/{name}.html"


def environment() -> jinja2.Environment:
    """Templates with what they call; a name that is not there raises."""
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("dlnotes.lab.report"),
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals |= {
        "words": words,
        "interval": lambda verdict: Markup(interval.draw(verdict)),
        "figure": lambda svg: Markup(svg.replace(' xmlns="http://www.w3.org/2000/svg"', "")),
        "command": command,
        "page_of": page_of,
        "tally": tally,
        "paragraphs": paragraphs,
        "by_module": by_module,
        "total_seconds": total_seconds,
        "machines": machines,
        "VERDICTS": VERDICTS,
        "MARKS": MARKS,
        "version": __version__,
    }
    return env


def tally(pages: list[Judged]) -> dict[str, int]:
    """How many predictions got each verdict."""
    got = Counter(verdict.verdict for page in pages for verdict in page.verdicts)
    return {word: got[word] for word in VERDICTS}


def total_seconds(pages: list[Judged], part: str) -> float | None:
    """Seconds over the runs that are shown, where each run knows its own."""
    values = [page.run.manifest.get("seconds", {}).get(part) for page in pages]
    known = [value for value in values if isinstance(value, int | float)]
    return sum(known) if known and len(known) == len(values) else None


def machines(pages: list[Judged]) -> str:
    """The devices of all runs in words."""
    return ", ".join(sorted({words.device(page.run.manifest.get("device")) for page in pages}))


def paragraphs(text: str) -> list[str]:
    """What a docstring says after its first line, paragraph by paragraph."""
    rest = text.strip().partition("\n")[2]
    return [" ".join(part.split()) for part in rest.split("\n\n") if part.strip()]


def by_module(symbols: tuple[str, ...]) -> list[tuple[str, list[str]]]:
    """Dotted names as (where they live, their own names), in the order of first mention."""
    homes: dict[str, list[str]] = {}
    for symbol in symbols:
        home, _, name = symbol.rpartition(".")
        homes.setdefault(home, []).append(name)
    return list(homes.items())
