# make reproduce   sets up, runs the four headline experiments, prints the verdicts, writes report/index.html
# make test        sets up, runs every check
# make test-matrix runs the tests with the oldest and newest versions of Python, JAX, Flax, Optax and Orbax (an hour)
.PHONY: reproduce test setup lint unit browser test-matrix format bench clean

reproduce: setup
	.venv/bin/dlnotes run headline --preset standard --runs runs
	.venv/bin/dlnotes report --runs runs --out report

test: setup lint unit browser

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt tools/setup.sh
	sh tools/setup.sh

lint: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pyright --pythonpath .venv/bin/python

unit: setup
	.venv/bin/pytest -n 2 --dist worksteal

browser: setup
	.venv/bin/python tests/browser/check.py

test-matrix: setup
	.venv/bin/python tools/matrix.py

format: setup
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: setup
	.venv/bin/python -m benchmarks --json

clean:
	rm -rf .venv .matrix runs report .pytest_cache .ruff_cache .hypothesis
