"""Run the tests with the oldest and the newest supported versions, and write what came of it into tests/versions.md.

python tools/matrix.py [ROW...] [-- PYTEST ARGUMENTS]: rows such as 3.12-oldest; all if none is named. Oldest are the
lower bounds of pyproject.toml for JAX, Flax, Optax and Orbax, newest the versions of constraints.txt. With pytest's
arguments, which may leave tests out, the table stays as it is. Exits with 1 where tests fail.
"""

import json
import re
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".matrix"
TABLE = ROOT / "tests" / "versions.md"
ROWS = ("3.11-newest", "3.12-oldest", "3.12-newest", "3.13-newest")  # on 3.11 the one JAX that is supported is both
MOVED = ("jax", "flax", "optax", "orbax-checkpoint")
HEADING = """# Versions the tests ran with

Written by `make test-matrix`; a row is of its last run.

| Python | JAX | Flax | Optax | Orbax | tests | seconds | day |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def lower_bounds() -> dict[str, str]:
    """Package → oldest supported version, on Python 3.12 and later."""
    bounds = {}
    for wanted in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]:
        name, version = re.match(r"([\w-]+)[<>=]=?([\d.]+)", wanted).groups()
        if name in MOVED and "python_version < " not in wanted:
            bounds[name] = version
    return bounds | {"jaxlib": bounds["jax"]}


def constraints(row: str) -> Path:
    """The file of pins of a row."""
    pinned = ROOT / "constraints.txt"
    if row.endswith("newest"):
        return pinned
    old = lower_bounds()
    kept = [line for line in pinned.read_text().splitlines() if re.split(r"[=<>;]", line)[0] not in old]
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{row}.txt"
    file.write_text("\n".join([*kept, *(f"{name}=={version}" for name, version in old.items())]) + "\n")
    return file


def run(row: str, words: list[str]) -> bool:
    """Set a row's environment up, run the tests in it, keep what came of it; whether all passed."""
    venv, last = FOLDER / row, ""
    setup = ["sh", "tools/setup.sh", str(venv), row.partition("-")[0], str(constraints(row))]
    subprocess.run(setup, cwd=ROOT, check=True)
    command = [venv / "bin/python", "-m", "pytest", "-n", "2", "--dist", "worksteal", "-q", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as tests:
        for line in tests.stdout:
            print(line, end="", flush=True)
            last = line.strip("= \n") or last
    if not words:
        keep(row, venv, *last.split(" in ", 1))
    return tests.returncode == 0


def keep(row: str, venv: Path, outcome: str, seconds: str = "") -> None:
    """Keep the versions of a row's environment and what came of its tests."""
    asked = f"import json, importlib.metadata as m; print(json.dumps({{p: m.version(p) for p in {MOVED!r}}}))"
    versions = json.loads(subprocess.check_output([venv / "bin/python", "-c", asked], text=True))
    seconds = seconds.partition("s")[0]
    python, taken = row.partition("-")[0], f"{float(seconds):.0f}" if seconds else ""
    cells = [python, *versions.values(), outcome, taken, date.today().isoformat()]
    (FOLDER / f"{row}.json").write_text(json.dumps(cells))


def write_table() -> None:
    """Rows that were run now or before; those of other days are taken from the table itself."""
    old = {}
    if TABLE.exists():
        rows = [line.strip("| ").split(" | ") for line in TABLE.read_text().splitlines() if line.startswith("| 3.")]
        old = {(cells[0], cells[1]): cells for cells in rows}
    for row in ROWS:
        if (FOLDER / f"{row}.json").exists():
            cells = json.loads((FOLDER / f"{row}.json").read_text())
            old[cells[0], cells[1]] = cells
    lines = (f"| {' | '.join(cells)} |\n" for _, cells in sorted(old.items()))
    TABLE.write_text(HEADING + "".join(lines))


def main(words: list[str]) -> int:
    """Run the rows named; returns the exit code."""
    end = words.index("--") if "--" in words else len(words)
    wanted, rest = words[:end] or list(ROWS), words[end + 1 :]
    unknown = [row for row in wanted if row not in ROWS]
    if unknown:
        print(f"matrix: no row is called {unknown[0]!r}; there are {', '.join(ROWS)}", file=sys.stderr)
        return 2
    passed = [run(row, rest) for row in wanted]
    if not rest:
        write_table()
        print(TABLE.read_text())
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
