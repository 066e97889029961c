# Sourced by the scripts that a newcomer, a tester and CI start: installs what they lack, where that is
# possible without asking, and else says the one command that does.

# Whether PostgreSQL's server programs are where mapwright looks for them.
have_postgresql() {
    local directory
    for directory in "${PG_BINDIR:-}" "$(dirname "$(readlink -f "$(command -v postgres || echo /nowhere/postgres)")")" \
        "$(pg_config --bindir 2>/dev/null || true)" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
        /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
        if [ -n "$directory" ] && [ -x "$directory/initdb" ] && [ -x "$directory/pg_ctl" ]; then
            return 0
        fi
    done
    return 1
}

# Whether Python can make environments to install packages into.
have_python_venv() {
    "${PYTHON:-python3}" -c 'import venv, ensurepip' 2>/dev/null
}

# Whether there is a browser to look at pages with.
have_chromium() {
    [ -n "${CHROMIUM:-}" ] || command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null
}

# Installs Debian packages: as root, or by sudo where it does not ask for a password.
install_packages() {
    local as_root=() command="apt-get install --yes $*"
    if [ "$(id -u)" != 0 ]; then
        as_root=(sudo -n)
    fi
    if ! command -v apt-get >/dev/null; then
        echo "missing: $* (these are Debian's names); install them with this system's own tools" >&2
        return 1
    fi
    if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
        echo "missing: $*; install them: sudo $command" >&2
        return 1
    fi
    echo "installing $*" >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update --quiet=2 >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends "$@" >&2
}

need_postgresql() {
    have_postgresql || install_packages postgresql
}

need_python_venv() {
    have_python_venv || install_packages python3 python3-venv
}

need_chromium() {
    have_chromium || install_packages chromium fonts-dejavu-core python3
}

need_cargo() {
    if ! command -v cargo >/dev/null; then
        echo "missing: Rust 1.88 or newer, with cargo; https://rustup.rs installs it" >&2
        return 1
    fi
}
