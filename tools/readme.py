"""Write the README's table of verdicts from the newest results kept in benchmarks/results.

python tools/readme.py            rewrite README.md
python tools/readme.py --check    exit with 1 if README.md is not what it would write
python tools/readme.py --keep RUNS   first copy the verdicts of finished standard runs in the folder RUNS
"""

import json
import shutil
import sys
from pathlib import Path

from dlnotes.lab.discover import HEADLINE
from dlnotes.lab.verdicts import Verdict, adjust

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "benchmarks" / "results"
BEGIN = "<!-- verdicts: written by `python tools/readme.py` from benchmarks/results -->\n"
END = "<!-- end of verdicts -->\n"
FIGURE_OF = HEADLINE[0]


def keep(runs: Path) -> None:
    """Copy manifest, verdict and figure of each finished standard run of a headline experiment."""
    for name in HEADLINE:
        for manifest in sorted((runs / name).glob("standard-*/manifest.json")):
            about = json.loads(manifest.read_text())
            device = f"{about['device']['platform']}-{about['device']['count']}"
            folder = KEPT / device / about["ended"][:10] / name
            folder.mkdir(parents=True, exist_ok=True)
            for file in ("manifest.json", "verdict.json"):
                shutil.copy(manifest.with_name(file), folder / file)
            if name == FIGURE_OF:
                shutil.copy(manifest.with_name("figure.svg"), folder / "figure.svg")


def newest(name: str) -> Path:
    """The folder of the newest kept run of an experiment."""
    found = [path.parent for path in KEPT.glob(f"*/*/{name}/manifest.json")]
    return max(found, key=lambda folder: json.loads((folder / "manifest.json").read_text())["ended"])


def number(value: float) -> str:
    """Three significant digits."""
    return f"{value:.3g}".replace("-", "−")


def table() -> str:
    """The verdicts of the headline experiments as Markdown, Holm's correction over all of them."""
    folders = {name: newest(name) for name in HEADLINE}
    stored = {name: json.loads((folder / "verdict.json").read_text()) for name, folder in folders.items()}
    verdicts = [(name, Verdict.from_dict(row)) for name in HEADLINE for row in stored[name]["predictions"]]
    judged = adjust([verdict for _, verdict in verdicts])
    counts = [f"{sum(v.verdict == kind for v in judged)} {kind}" for kind in ("supported", "refuted", "inconclusive")]
    lines = [f"{len(judged)} predictions of four experiments: {', '.join(counts)}.", ""]
    for name, folder in folders.items():
        about = json.loads((folder / "manifest.json").read_text())
        device = f"{about['device']['count']} {about['device']['platform'].upper()} devices"
        where = f"{about['seeds']} seeds, {device}, {about['seconds']['total']:.0f} s, {about['ended'][:10]}"
        lines += [f"**{about['question']}** (`{name}`: {where})", ""]
        lines += ["| prediction | effect, 95 % interval | verdict |", "| --- | --- | --- |"]
        for (owner, _), verdict in zip(verdicts, judged, strict=True):
            if owner == name:
                effect = f"{number(verdict.effect)} [{number(verdict.low)}, {number(verdict.high)}]"
                statement = verdict.statement.replace("|", "\\|")
                lines.append(f"| {statement} | {effect} | {verdict.verdict} |")
        lines.append("")
    figure = newest(FIGURE_OF).relative_to(ROOT) / "figure.svg"
    return "\n".join([*lines, f"![Every seed of {FIGURE_OF}]({figure})", "", ""])


def written(readme: str) -> str:
    """The README with its table as it should be."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table()}{END}{after}"


def main(arguments: list[str]) -> int:
    readme = ROOT / "README.md"
    if arguments[:1] == ["--keep"]:
        keep(Path(arguments[1]))
    current = readme.read_text()
    wanted = written(current)
    if arguments == ["--check"]:
        return int(current != wanted)
    readme.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
