#!/bin/sh
# Build .venv with the newest suitable Python (PATH first, then pyenv's) and install dlnotes into it, as pinned in constraints.txt.
# Others by arguments: tools/setup.sh [FOLDER [VERSIONS [CONSTRAINTS]]]
set -eu
cd "$(dirname "$0")/.."
folder=${1:-.venv}
versions=${2:-3.13 3.12 3.11}
constraints=${3:-constraints.txt}

suitable() { # can this interpreter make an environment, and is its version one that was tested?
    [ -x "$1" ] && "$1" -c "import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '$2')" 2>/dev/null
}

find_python() {
    for version in $versions; do
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
    echo "dlnotes: no suitable Python: $(echo "$versions" | sed 's/ /, /g; s/\(.*\),/\1 or/') with its venv and ensurepip modules is wanted, on PATH or under pyenv" >&2
    echo "dlnotes: on Debian or Ubuntu: apt-get install python3 python3-venv; elsewhere: pyenv install 3.13, or python.org" >&2
    exit 2
fi

echo "setting up $folder with $("$python" --version)"
rm -rf "$folder"
"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --constraint "$constraints" --editable ".[test]"
touch "$folder/ready"
