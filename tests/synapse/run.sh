#!/usr/bin/env bash
# Runs a real Synapse, lives on it over HTTP, and migrates its database with $MAPWRIGHT_BIN (else
# target/release or target/debug). `--record DIRECTORY` stops before the migration and leaves there
# the dump of Synapse's database, its configuration and the record of what was done.
set -euo pipefail
export PYTHONDONTWRITEBYTECODE=1
here=$(cd "$(dirname "$0")" && pwd)
cache=${MAPWRIGHT_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mapwright-tests}
python=${PYTHON:-python3}
# One environment for each list of packages and each Python. The mark is its last file: an environment
# whose installation was interrupted is made anew.
wanted=$({ cat "$here/requirements.txt"; "$python" --version; } | sha256sum | cut -c1-12)
venv=$cache/synapse-$wanted
if [ ! -e "$venv/complete" ]; then
    echo "installing matrix-synapse into $venv" >&2
    mkdir -p "$cache"
    rm -rf "$venv"
    "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-input -r "$here/requirements.txt"
    touch "$venv/complete"
fi
exec "$venv/bin/python" "$here/migration.py" "$@"
