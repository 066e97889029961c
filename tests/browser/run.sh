#!/usr/bin/env bash
# Looks at the pages that `--report FILE.html` makes in a real browser: headless Chromium, without a
# network. The pages are made by tests/pg_migrate/page.rs. `--pictures DIRECTORY` also leaves there
# what people would see: light, dark, on a phone, on paper.
set -euo pipefail
export PYTHONDONTWRITEBYTECODE=1
cd "$(dirname "$0")/../.."
. .ci/packages.sh
need_cargo
need_postgresql
need_chromium

pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
MAPWRIGHT_PAGES=$pages cargo test --quiet --locked --test pg_migrate -- page:: >"$pages/log" 2>&1 || {
    cat "$pages/log" >&2
    exit 1
}
"${PYTHON:-python3}" tests/browser/pages.py "$pages" "$@"
