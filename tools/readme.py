"""Write the README's tables of verdicts and of speed from the newest results kept in benchmarks/results.

python tools/readme.py            rewrite README.md
python tools/readme.py --check    exit with 1 if README.md is not what it would write
python tools/readme.py --keep RUNS   first copy the verdicts of finished standard runs in the folder RUNS
"""

import json
import re
import shutil
import sys
from pathlib import Path

import speed

from dlnotes.lab.discover import find_all
from dlnotes.lab.verdicts import Verdict, adjust

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "benchmarks" / "results"
BEGIN = "<!-- {}: written by `python tools/readme.py` from benchmarks/results -->\n"
END = "<!-- end of {} -->\n"
DEVICE = "cpu-2"  # whose speed is shown
FIGURES = {"optimization/paths": "Nine optimizers on four functions", "initialization/xavier_vs_he": "Every seed"}


def keep(runs: Path) -> None:
    """Copy manifest and verdicts of each finished standard run, and the figures that the README shows."""
    for name in (entry.name for entry in find_all()):
        for manifest in sorted((runs / name).glob("standard-*/manifest.json")):
            about = json.loads(manifest.read_text())
            device = f"{about['device']['platform']}-{about['device']['count']}"
            folder = KEPT / device / about["ended"][:10] / name
            folder.mkdir(parents=True, exist_ok=True)
            for file in ("manifest.json", "verdict.json"):
                shutil.copy(manifest.with_name(file), folder / file)
            if name in FIGURES:
                shutil.copy(manifest.with_name("figure.svg"), folder / "figure.svg")


def runs_of(name: str) -> list[Path]:
    """The folders of the kept runs of an experiment."""
    return [path.parent for path in KEPT.glob(f"*/*/{name}/manifest.json")]


def newest(name: str) -> Path:
    """The folder of the newest of them."""
    return max(runs_of(name), key=lambda folder: json.loads((folder / "manifest.json").read_text())["ended"])


def number(value: float) -> str:
    """Three significant digits."""
    return f"{value:.3g}".replace("-", "−")


SHOWN = {  # what a newcomer looks for first; every verdict is in benchmarks/results/README.md
    "initialization/xavier_vs_he": ("xavier_halves_relu", "xavier_kills_units", "he_trains_deeper", "alike_at_10"),
    "normalization/batchnorm_smoothing": ("vgg_loss_range", "vgg_beta", "linear_shift"),
    "optimization/adam_bias_correction": ("first_steps_too_small", "first_steps_too_large"),
    "optimization/newton_vs_first_order": ("newton_one_step", "fewer_on_digits", "newton_cg_faster"),
    "optimization/tuning": ("defaults_classifier", "wider_than_sgd"),
    "optimization/shuffle_or_resample": ("convex_one_shuffle",),
    "optimization/saddles_not_minima": ("most_are_saddles", "halves_with_each_axis"),
    "optimization/quasi_newton": ("exact_steps_rebuild", "arbitrary_steps_do_not", "worse_in_small_batches"),
    "optimization/roads_to_rome": ("logistic_same_loss", "plateau"),
    "optimization/clipping_at_cliffs": ("thrown_away", "healthy_unharmed"),
    "foundations/bias_variance": ("bias_falls", "variance_rises"),
    "foundations/nearest_neighbours": ("three_neighbours",),
    "foundations/no_free_lunch": ("no_free_lunch",),
}


def judged() -> dict[str, tuple[Verdict, ...]]:
    """The kept verdicts of all experiments, Holm's correction over all of them."""
    names = [entry.name for entry in find_all() if runs_of(entry.name)]
    stored = {name: json.loads((newest(name) / "verdict.json").read_text())["predictions"] for name in names}
    verdicts = iter(adjust([Verdict.from_dict(row) for rows in stored.values() for row in rows]))
    return {name: tuple(next(verdicts) for _ in rows) for name, rows in stored.items()}


def counts(verdicts: list[Verdict]) -> str:
    """How many of each verdict, in words."""
    return ", ".join(f"{sum(v.verdict == k for v in verdicts)} {k}" for k in ("supported", "refuted", "inconclusive"))


def rows(verdicts: list[Verdict]) -> list[str]:
    """Verdicts as a Markdown table."""
    lines = ["| prediction | effect, 95 % interval | verdict |", "| --- | --- | --- |"]
    for verdict in verdicts:
        effect = f"{number(verdict.effect)} [{number(verdict.low)}, {number(verdict.high)}]"
        plain = re.sub(r"(?<!\w)\*(\w+)\*(?!\w)", r"\1", verdict.statement)  # *emphasis*, but ε* stays
        statement = plain.replace("|", "\\|").replace("*", "\\*")
        lines.append(f"| {statement} | {effect} | {verdict.verdict} |")
    return lines


def ran(name: str) -> str:
    """What an experiment ran on."""
    about = json.loads((newest(name) / "manifest.json").read_text())
    device = f"{about['device']['count']} {about['device']['platform'].upper()} devices"
    return f"{about['seeds']} seeds, {device}, {about['seconds']['total']:.0f} s, {about['ended'][:10]}"


def table() -> str:
    """For the README: the verdicts a newcomer looks for first, and figures."""
    found = judged()
    everything = [verdict for verdicts in found.values() for verdict in verdicts]
    lines = [
        f"{len(everything)} predictions: {counts(everything)} ([all of them](benchmarks/results/README.md)); some:"
    ]
    some = [v for name, ids in SHOWN.items() for wanted in ids for v in found.get(name, ()) if v.id == wanted]
    shown = {name: newest(name).relative_to(ROOT) / "figure.svg" for name in FIGURES if name in found}
    figures = [f"![{FIGURES[name]}: {name}]({figure})" for name, figure in shown.items()]
    return "\n".join([*lines, "", *rows(some), "", *figures, "", ""])


def everything() -> str:
    """For benchmarks/results: every verdict."""
    lines = ["# Verdicts as they were obtained", ""]
    for name, verdicts in judged().items():
        question = json.loads((newest(name) / "manifest.json").read_text())["question"]
        lines += [
            f"## {question}",
            "",
            f"`{name}`: {ran(name)}. {counts(list(verdicts))}.",
            "",
            *rows(list(verdicts)),
            "",
        ]
    return "\n".join(lines)


def written(readme: str) -> str:
    """The README with its tables as they should be."""
    for name, text in {"verdicts": table(), "speed": f"{speed.text(KEPT, DEVICE)}\n\n"}.items():
        begin, end = BEGIN.format(name), END.format(name)
        before, rest = readme.split(begin)
        readme = f"{before}{begin}\n{text}{end}{rest.split(end)[1]}"
    return readme


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--keep"]:
        keep(Path(arguments[1]))
    readme, listing = ROOT / "README.md", KEPT / "README.md"
    wanted = {readme: written(readme.read_text()), listing: everything()}
    if arguments == ["--check"]:
        return int(any(not path.exists() or path.read_text() != text for path, text in wanted.items()))
    for path, text in wanted.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
