#!/usr/bin/env bash
# Migrates a synthetic Synapse into a MAS database before the reader's eyes, on a PostgreSQL of its own
# that is removed afterwards. Arguments are those of `mapwright demo`, such as `--users 10000` or `--keep`.
set -euo pipefail
cd "$(dirname "$0")/.."
. .ci/packages.sh
need_cargo
need_postgresql
cargo build --release --locked
exec "${CARGO_TARGET_DIR:-target}/release/mapwright" demo "$@"
