"""python tests/torture [--kills N] [--seed S] [--small]: kill runs with SIGKILL, and show that nothing is lost.

Each round takes an experiment, kills its command again and again, at random moments or at a file operation drawn by its
kind, then lets it end, and compares with a run that nobody killed: the same bytes, no work repeated beyond one segment,
nothing left over. The report, and a run begun again by --fresh, are killed too.
"""

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import checks
from checks import Target
from zygote import ROOT, End, Zygote

EXAMPLES = ROOT / "tests" / "lab" / "examples"
MOST_DEATHS = 8  # of one run
LAST = ("results.nc", "verdict.json", "figure.svg", "manifest.json", "parts: remove", "checkpoints: remove")
NOTHING_THERE = [f"{name}: remove" for name in LAST[:4]]  # asked for before they are written
RARE = 0.15  # how often a run has a cold compilation cache, and how often a finished one is begun again


def targets(small: bool) -> list[Target]:
    """What is killed."""
    walk = checks.target(str(EXAMPLES / "walk.py"), seeds=2, steps=600)
    if small:
        return [walk]
    bowl = checks.target(str(EXAMPLES / "bowl.py"), "quick", seeds=2, steps=24)
    return [
        walk,
        bowl,
        checks.target("optimization/adam_bias_correction", "quick", seeds=2),
        checks.target("foundations/temperature", "quick", seeds=2),
    ]


@dataclass
class Known:
    """An experiment's undisturbed run: its runs folder, its seconds, the places it came through and how often."""

    target: Target
    runs: Path
    seconds: float
    places: Counter


@dataclass
class Torture:
    """All that goes on in one call."""

    folder: Path
    zygote: Zygote
    chance: random.Random
    kills: Counter = field(default_factory=Counter)
    lives: int = 0
    cpu: float = 0.0
    lost: int = 0
    rounds: int = 0

    @property
    def killed(self) -> int:
        return sum(self.kills.values())

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def live(
        self, words: list[str], watched: dict[str, Path], order: dict, after: float | None, cache: Path
    ) -> tuple[End, list]:
        """One life and its diary; a death is counted by its place."""
        self.lives += 1
        diary = self.folder / "diaries" / f"{self.lives:04d}"
        diary.parent.mkdir(exist_ok=True)
        end = self.zygote.live(words, diary, watched | {"cache": cache}, cache, order, after)
        self.cpu += end.cpu
        life = checks.read(diary)
        checks.quiet(end.text)
        checks.check(end.killed or end.code == 0, f"{words} ended with {end.code}:\n{end.text}")
        if end.killed:
            self.kills[(where(life), "at random" if after else "in or after" if order.get("late") else "before")] += 1
        return end, life

    def known(self, target: Target, number: int) -> Known:
        """Run an experiment undisturbed, twice: the second time nothing is compiled."""
        for turn in ("cold", "reference"):
            runs = self.folder / turn / str(number)
            end, life = self.live([*target.words, "--runs", str(runs)], {"runs": runs}, {}, None, self.cache)
        checks.same(target, self.folder / "cold" / str(number), runs)
        return Known(target, runs, end.seconds, Counter(line["place"] for line in life if "place" in line))

    def order(self, known: Known, before: dict[str, int], cold: bool) -> tuple[dict, float | None]:
        """How the next life is to end: where nothing has been done yet anywhere, else at what is left to do."""
        if self.chance.random() < 0.4:
            return {}, self.chance.uniform(0.05, 0.4 if before else 0.9) * known.seconds
        places = {place: times for place, times in known.places.items() if place not in NOTHING_THERE}
        if before and min(before.values()) == checks.FINISHED:
            places = {place: 1 for place in places if place.startswith(LAST)}
        elif before:
            places = dict.fromkeys(places, 1)
        elif cold:
            places["cache: write"] = 2
        place = self.chance.choice(sorted(places))
        return {"place": place, "nth": self.chance.randint(1, places[place]), "late": self.chance.random() < 0.5}, None

    def round(self, known: Known, most: int) -> None:
        """Kill a run up to `most` times, let it end, compare."""
        self.rounds += 1
        runs = self.folder / "runs"
        cache = self.folder / "cold_cache" if self.chance.random() < RARE else self.cache
        for again in (False, True) if self.chance.random() < RARE else (False,):
            self.run(known, runs, cache, again, most)
            checks.same(known.target, known.runs, runs)
            checks.clean(self.folder, cache)
        if self.rounds % 2:
            self.report(runs, most)
        for used in (runs, self.folder / "cold_cache"):
            shutil.rmtree(used, ignore_errors=True)

    def run(self, known: Known, runs: Path, cache: Path, fresh: bool, most: int) -> None:
        """One run from its beginning, or begun again, to its end."""
        target, first = known.target, self.killed
        words = [*target.words, "--runs", str(runs)]
        before = {} if fresh else checks.standing(target, runs)
        for death in range(MOST_DEATHS + 1):
            order, after = self.order(known, before, cache != self.cache)
            if death == MOST_DEATHS or self.killed - first >= most:
                order, after = {}, None
            anew = fresh and death == 0
            end, life = self.live([*words, *["--fresh"] * anew], {"runs": runs}, order, after, cache)
            checks.went_on(target, before, life, anew)
            before = checks.standing(target, runs)
            if not end.killed:
                break
            self.lost += checks.lost(target, before, life)

    def report(self, runs: Path, most: int) -> None:
        """Kill the report once or twice, let it end, compare with one that was not killed."""
        out, other = self.folder / "report", self.folder / "other"
        watched, words = {"runs": runs, "report": out}, ["report", "--runs", str(runs), "--out"]
        _, life = self.live([*words, str(other)], {"runs": runs, "report": other}, {}, None, self.cache)
        places = Counter(line["place"] for line in life if "place" in line)
        for _ in range(min(2, most)):
            place = self.chance.choice(sorted(places))
            order = {"place": place, "nth": self.chance.randint(1, places[place]), "late": self.chance.random() < 0.5}
            self.live([*words, str(out)], watched, order, None, self.cache)
            for page in out.rglob("[!.]*.html"):
                checks.check(page.read_text().endswith("</html>\n"), f"{page} is half a page")
        self.live([*words, str(out)], watched, {}, None, self.cache)
        pages = [{str(p.relative_to(f)): p.read_bytes() for p in f.rglob("*") if p.is_file()} for f in (out, other)]
        checks.check(pages[0] == pages[1], "the report differs from one that was not killed")
        for used in (out, other):
            shutil.rmtree(used)


def where(life: list[dict]) -> str:
    """The place of a death: the last line of its diary."""
    last = life[-1] if life else {}
    if "place" in last:
        return last["place"]
    if "program" in last:
        return "compiling"
    if "compiled" in last or "done" in last:
        return "stepping"
    return "between" if life else "starting"


def table(torture: Torture) -> str:
    """Where the deaths were."""
    ways = ("before", "in or after", "at random")
    places = sorted({place for place, _ in torture.kills})
    rows = [[place, *(torture.kills[place, way] for way in ways)] for place in places]
    rows = [[*row, sum(row[1:])] for row in rows]
    rows.append(["all", *(sum(row[i] for row in rows) for i in range(1, 5))])
    lines = [f"{'killed at':<26}" + "".join(f"{title:>13}" for title in (*ways, "all"))]
    return "\n".join(lines + [f"{row[0]:<26}" + "".join(f"{cell:>13}" for cell in row[1:]) for row in rows])


def main() -> int:
    """Torture until enough have died; the exit code."""
    parser = argparse.ArgumentParser("torture", description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small", action="store_true", help="only the small random walk")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="torture-") as name, Zygote(Path(name)) as zygote:
        torture = Torture(Path(name), zygote, random.Random(given.seed))
        everything = [torture.known(target, i) for i, target in enumerate(targets(given.small))]
        try:
            while torture.killed < given.kills:
                torture.round(everything[torture.rounds % len(everything)], given.kills - torture.killed)
                print(f"round {torture.rounds}: {torture.killed} killed", file=sys.stderr)
        except checks.Broken as broken:
            kept = shutil.copytree(name, tempfile.mkdtemp(prefix="torture-broken-"), dirs_exist_ok=True)
            print(f"torture: life {torture.lives}: {broken}\nwhat it left is in {kept}", file=sys.stderr)
            return 1
    print(table(torture))
    print(
        f"{torture.lives} lives in {torture.rounds} rounds, {torture.cpu:.0f} s CPU, {torture.lost} segments done twice"
    )
    print("every end is bit for bit that of a run nobody killed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
