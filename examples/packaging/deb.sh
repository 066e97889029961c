#!/usr/bin/env bash
# Makes the Debian package target/debian/mapwright_*.deb, with manual pages and completions. Needs
# cargo-deb (`cargo install cargo-deb --locked`). PROFILE=dev takes the binary of that profile.
# Arguments go to cargo-deb.
set -euo pipefail
cd "$(dirname "$0")/../.."
profile=${PROFILE:-release}
folder=$profile
if [ "$profile" = dev ]; then folder=debug; fi
target=${CARGO_TARGET_DIR:-target}

cargo build --locked --profile "$profile"
program=$target/$folder/mapwright
out=target/packaging
mkdir -p "$out/completions"
"$program" man --output "$out/man"
"$program" completions bash >"$out/completions/mapwright"
"$program" completions zsh >"$out/completions/_mapwright"
"$program" completions fish >"$out/completions/mapwright.fish"
exec cargo deb --locked --no-build --profile "$profile" "$@"
