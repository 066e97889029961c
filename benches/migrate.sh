#!/usr/bin/env bash
# Times a whole migration of N accounts, beside the least that PostgreSQL needs for the same rows.
#   benches/migrate.sh [--users N]… [--runs N] [--pg-setting NAME=VALUE]…
# Needs `cargo build --release` (or MAPWRIGHT_BIN) and PostgreSQL's server programs. Each N is a line of
# the table; all of them, and the bare copies, are measured in this one run, the median of the runs
# counts. Peak memory is the program's VmHWM.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
. "$root/.ci/packages.sh"

users=() runs=3
settings=("listen_addresses=" "shared_buffers=1GB" "maintenance_work_mem=256MB" "max_wal_size=8GB" "fsync=off" "autovacuum=off")
while [ "$#" -gt 0 ]; do
    case $1 in
        --users) users+=("$2"); shift 2 ;;
        --runs) runs=$2; shift 2 ;;
        --pg-setting) settings+=("$2"); shift 2 ;;
        *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
[ "${#users[@]}" -gt 0 ] || users=(200000)
mapwright=${MAPWRIGHT_BIN:-${CARGO_TARGET_DIR:-$root/target}/release/mapwright}
[ -x "$mapwright" ] || { echo "no program at $mapwright: cargo build --release" >&2; exit 2; }
need_postgresql

# -- a cluster that goes when this script does, however it ends: the demo's own watchdog holds the end of a pipe
for bindir in "${PG_BINDIR:-}" "$(dirname "$(readlink -f "$(command -v postgres || echo /nowhere/postgres)")")" /usr/lib/postgresql/*/bin; do
    [ -x "$bindir/pg_ctl" ] && break
done
as_owner=()
if [ "$(id -u)" = 0 ]; then
    as_owner=(setpriv --reuid postgres --regid postgres --clear-groups)
fi
work=$(mktemp -d /tmp/mapwright-bench-XXXXXX)
files=$work/files
mkdir "$files"
[ "$(id -u)" != 0 ] || chown postgres "$work" "$files"
mkfifo "$work/leash"
cd "$work"
setsid "${as_owner[@]}" sh -c "$(cat "$root/src/pg/throwaway/watchdog.sh")" watchdog "$bindir/pg_ctl" "$work" <"$work/leash" &
exec 9>"$work/leash"
"${as_owner[@]}" "$bindir/initdb" --no-sync --auth=trust --username=postgres --encoding=UTF8 --locale=C -D "$work/data" >/dev/null 9>&-
options="-c unix_socket_directories=$work"
for setting in "${settings[@]}"; do
    options+=" -c $setting"
done
"${as_owner[@]}" "$bindir/pg_ctl" start --wait --silent -D "$work/data" --log "$work/log" --options "$options" 9>&-
export PGHOST=$work PGUSER=postgres PGOPTIONS='-c client_min_messages=warning'

sql() {
    psql -XqAt -v ON_ERROR_STOP=1 "$@" 9>&-
}

median() {
    printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"
}

# Runs a program; leaves its seconds in `seconds` and the peak of its memory, in KiB, in `peak`.
measure() {
    local begun=$EPOCHREALTIME pid key value _
    "$@" >"$files/output" 2>&1 9>&- &
    pid=$!
    peak=0
    while [ -e "/proc/$pid/status" ]; do
        while read -r key value _; do
            [ "$key" != VmHWM: ] || peak=$value
        done <"/proc/$pid/status" 2>/dev/null || true
        sleep 0.05
    done
    wait "$pid" || { cat "$files/output" >&2; return 1; }
    seconds=$(awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }')
}

# -- a MAS-shaped template and both configurations
server=example.com
tables='users user_passwords user_emails user_unsupported_third_party_ids upstream_oauth_links compat_sessions compat_access_tokens compat_refresh_tokens'
sql -d postgres -c 'CREATE DATABASE mas_template TEMPLATE template0'
"$mapwright" catalog ddl mas >"$files/mas.sql"
"$mapwright" catalog ddl synapse >"$files/synapse.sql"
sql -d mas_template -f "$files/mas.sql"
sql -d mas_template -c "
    INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
    VALUES (20260720235959, 'the newest migration that the catalog describes', true, '', 0);
    INSERT INTO upstream_oauth_providers
        (upstream_oauth_provider_id, issuer, scope, client_id, token_endpoint_auth_method, created_at)
    VALUES ('01923f23-e93b-0000-0000-000000000001', 'https://dex.example', 'openid', 'mas', 'none', now()),
           ('01923f23-e93b-0000-0000-000000000002', 'https://keycloak.example', 'openid', 'mas', 'none', now())"
sql -d mas_template -v drop="$files/drop.sql" -v rebuild="$files/rebuild.sql" -v tables="$tables" -f "$here/keys.sql"
for table in $tables; do
    echo "\\copy $table FROM PROGRAM 'psql -Xq -d mas_full -c \"COPY $table TO STDOUT (FORMAT binary)\"' (FORMAT binary)"
done >"$files/copies.sql"

printf '%s; PostgreSQL %s, %s cores; median of %d\n' "$("$mapwright" -V)" \
    "$(sql -d postgres -c 'SHOW server_version')" "$(nproc)" "$runs"
printf '%9s %9s %12s %10s %10s %12s %10s\n' users rows 'mapwright s' 'peak MiB' 'COPY s' 'rebuild s' 'ratio'
for count in "${users[@]}"; do
    sql -d postgres -c 'DROP DATABASE IF EXISTS synapse' -c 'CREATE DATABASE synapse TEMPLATE template0'
    sql -d synapse -f "$files/synapse.sql"
    sql -d synapse -v users="$count" -v server="$server" -f "$here/synapse-bulk.sql"
    sql -d synapse -c CHECKPOINT
    cat >"$files/homeserver.yaml" <<EOF
server_name: $server
database: {name: psycopg2, args: {user: postgres, dbname: synapse, host: $work}}
EOF
    cat >"$files/mas.yaml" <<EOF
database: {uri: "postgresql:///mas_full?host=$work&user=postgres"}
matrix: {homeserver: $server, secret: bench, endpoint: "http://localhost:9"}
passwords:
  enabled: true
  schemes:
    - {version: 1, algorithm: bcrypt, unicode_normalization: true}
    - {version: 2, algorithm: argon2id}
upstream_oauth2:
  providers:
    - {id: 01J8ZJ7T9V0000000000000001, synapse_idp_id: oidc-dex, client_id: mas, issuer: "https://dex.example", token_endpoint_auth_method: none}
    - {id: 01J8ZJ7T9V0000000000000002, synapse_idp_id: oidc-keycloak, client_id: mas, issuer: "https://keycloak.example", token_endpoint_auth_method: none}
EOF
    ours=() peaks=() copies=() rebuilds=()
    for ((run = 1; run <= runs; run++)); do
        sql -d postgres -c 'DROP DATABASE IF EXISTS mas_full' -c 'CREATE DATABASE mas_full TEMPLATE mas_template' -c CHECKPOINT
        measure "$mapwright" migrate --synapse-config "$files/homeserver.yaml" --config "$files/mas.yaml"
        ours+=("$seconds")
        peaks+=("$(awk -v kib="$peak" 'BEGIN { printf "%.1f", kib / 1024 }')")
        sql -d postgres -c 'DROP DATABASE IF EXISTS mas_bare' -c 'CREATE DATABASE mas_bare TEMPLATE mas_template' -c CHECKPOINT
        IFS='|' read -r copy rebuild < <(sql -d mas_bare -v drop="$files/drop.sql" -v rebuild="$files/rebuild.sql" \
            -v copies="$files/copies.sql" -f "$here/bare-copy.sql" | tail -n 1)
        copies+=("$copy")
        rebuilds+=("$rebuild")
    done
    rows=0
    for table in $tables; do
        written=$(sql -d mas_full -c "SELECT count(*) FROM $table")
        [ "$written" = "$(sql -d mas_bare -c "SELECT count(*) FROM $table")" ] ||
            { echo "$table: the bare copy holds other rows than the migration wrote" >&2; exit 1; }
        rows=$((rows + written))
    done
    whole=$(median "${ours[@]}") copy=$(median "${copies[@]}") rebuild=$(median "${rebuilds[@]}")
    printf '%9s %9s %12s %10s %10s %12s %10s\n' "$count" "$rows" "$whole" "$(median "${peaks[@]}")" "$copy" "$rebuild" \
        "$(awk -v a="$whole" -v b="$copy" -v c="$rebuild" 'BEGIN { printf "%.2f", a / (b + c) }')"
done
