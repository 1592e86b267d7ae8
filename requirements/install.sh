#!/bin/sh
# Make .venv and install requirements/<kind>.txt into it, hash-checked; nothing is done when both are up to date.
# Usage: sh requirements/install.sh base|dev
set -eu

kind=${1:?base or dev}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$here/.."
venv=.venv

say() { printf '%s\n' "$*" >&2; }

recent_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        if recent_enough "$PYTHON"; then echo "$PYTHON"; return; fi
        say "PYTHON=$PYTHON does not run or is older than Python 3.11."
        exit 1
    fi
    # Candidates are run, not only looked up: version managers leave names on the PATH that do not work.
    for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do
        if recent_enough "$candidate"; then echo "$candidate"; return; fi
    done
    say "Pomelo needs Python 3.11 or later, and none was found on the PATH."
    say "Install one (Debian, Ubuntu: apt install python3 python3-venv) or name it: make ${MAKECMDGOALS:-run} PYTHON=/path/to/python3"
    exit 1
}

make_venv() {
    python=$(find_python)
    if [ -L "$venv" ]; then
        say "$venv is a link to something that does not work; remove it and try again."
        exit 1
    fi
    say "Making $venv with $("$python" --version)..."
    rm -rf "$venv"
    if "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        "$python" -m venv "$venv"
    elif "$python" -c 'import venv, pip' >/dev/null 2>&1; then
        "$python" -m venv --without-pip "$venv" # pip_install uses the pip outside
    else
        say "$python lacks the venv module's installer (ensurepip)."
        say "Install it (Debian, Ubuntu: apt install python3-venv) and try again."
        exit 1
    fi
}

# Nothing is compiled ahead: that takes half of the time, and Python compiles what it imports at the first import.
pip_install() {
    if "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        "$venv/bin/python" -m pip install --disable-pip-version-check --no-compile "$@"
    else
        "$(find_python)" -m pip --python "$venv/bin/python" install --disable-pip-version-check --no-compile "$@"
    fi
}

recent_enough "$venv/bin/python" || make_venv

fingerprint() {
    "$venv/bin/python" -c '
import hashlib, pathlib, sys
data = pathlib.Path(sys.argv[1]).read_bytes() + sys.version.encode()
print(hashlib.sha256(data).hexdigest())' "requirements/$1.txt"
}

up_to_date() { [ "$(cat "$venv/.installed-$1" 2>/dev/null)" = "$(fingerprint "$1")" ]; }

up_to_date "$kind" && exit 0
# dev.txt holds every pin of base.txt (requirements/lock.py checks it).
[ "$kind" = base ] && up_to_date dev && exit 0

count=$(grep -c '^[A-Za-z0-9].*==' "requirements/$kind.txt")
say "Installing $count packages from requirements/$kind.txt, each checked against its hash..."
pip_install --require-hashes --requirement "requirements/$kind.txt"
fingerprint "$kind" >"$venv/.installed-$kind.new"
mv "$venv/.installed-$kind.new" "$venv/.installed-$kind"
