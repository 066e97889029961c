#!/usr/bin/env bash
# All tests: Rust's, those on a PostgreSQL of their own among them, then pages in a real browser, and then
# the one that runs a real Synapse and migrates its database. Installs what is missing where it may. None
# is ever skipped. Arguments go to `cargo test`; with any, the browser and the real Synapse are left out.
set -euo pipefail
cd "$(dirname "$0")/.."
. .ci/packages.sh
need_cargo
need_postgresql
need_python_venv
need_chromium

log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo test --locked "$@" 2>&1 | tee "$log"
if [ "$#" -gt 0 ]; then
    exit 0
fi

# A test of a database that did not run is a failure, whatever the reason.
for file in tests/pg_*.rs tests/pg_*/main.rs; do
    [ -e "$file" ] || continue
    read -r passed ignored < <(awk -v file="$file" '
        / Running / { current = index($0, " " file " ") > 0 }
        current && /^test result: ok\./ { print $4, $8; found = 1; exit }
        END { if (!found) print "0 all" }' "$log")
    if [ "$passed" = 0 ] || [ "$ignored" != 0 ]; then
        echo "error: $file: $passed tests ran, $ignored were skipped" >&2
        exit 1
    fi
done

printf '\n== pages in a browser (%d s into the tests) ==\n' "$SECONDS"
tests/browser/run.sh

printf '\n== a real Synapse (%d s into the tests) ==\n' "$SECONDS"
# The binary that the tests have just built.
MAPWRIGHT_BIN=${MAPWRIGHT_BIN:-${CARGO_TARGET_DIR:-target}/debug/mapwright}
MAPWRIGHT_BIN=$(realpath "$MAPWRIGHT_BIN") tests/synapse/run.sh
