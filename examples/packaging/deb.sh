#!/usr/bin/env bash
# Makes the Debian package target/debian/mapwright_*.deb, with manual pages and completions. Needs
# cargo-deb (`cargo install cargo-deb --locked`), to which arguments go.
set -euo pipefail
cd "$(dirname "$0")/../.."

cargo build --locked --release
program=${CARGO_TARGET_DIR:-target}/release/mapwright
out=target/packaging
mkdir -p "$out/completions"
"$program" man --output "$out/man"
"$program" completions bash >"$out/completions/mapwright"
"$program" completions zsh >"$out/completions/_mapwright"
"$program" completions fish >"$out/completions/mapwright.fish"
exec cargo deb --locked --no-build "$@"
