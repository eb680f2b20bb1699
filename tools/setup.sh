#!/bin/sh
# Build .venv with the newest suitable Python (PATH first, then pyenv's) and install dlnotes into it, as pinned in constraints.txt.
set -eu
cd "$(dirname "$0")/.."

suitable() { # can this interpreter make an environment, and is its version one that was tested?
    [ -x "$1" ] && "$1" -c "import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '$2')" 2>/dev/null
}

find_python() {
    for version in 3.13 3.12 3.11; do
        for name in "python$version" python3 python; do
            candidate=$(command -v "$name" 2>/dev/null) || continue
            if suitable "$candidate" "$version"; then echo "$candidate"; return; fi
        done
        for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python; do
            if suitable "$candidate" "$version"; then echo "$candidate"; return; fi
        done
    done
}

python=$(find_python)
if [ -z "$python" ]; then
    echo "dlnotes: no suitable Python: 3.11, 3.12 or 3.13 with its venv and ensurepip modules is wanted, on PATH or under pyenv" >&2
    echo "dlnotes: on Debian or Ubuntu: apt-get install python3 python3-venv; elsewhere: pyenv install 3.13, or python.org" >&2
    exit 2
fi

echo "setting up .venv with $("$python" --version)"
rm -rf .venv
"$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[test]"
touch .venv/ready
