#!/usr/bin/env bash
# Moves the library from one database to another: makes both, fills the first with the sample rows, then
# check, migrate --dry-run and migrate. Works on the server that libpq's variables lead to (PGHOST, PGPORT,
# PGUSER); `mapwright demo --keep` leaves one running and says where. Removes what it made.
set -euo pipefail
cd "$(dirname "$0")"
mapwright=${MAPWRIGHT:-mapwright}
source_db=library_old_$$
target_db=library_new_$$

remove() {
    for database in "$source_db" "$target_db"; do
        psql -q -X -d postgres -c "DROP DATABASE IF EXISTS $database" 2>/dev/null || true
    done
}
trap remove EXIT

for side in "$source_db card_index" "$target_db lending"; do
    read -r database catalog <<<"$side"
    psql -q -X -v ON_ERROR_STOP=1 -d postgres -c "CREATE DATABASE $database TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
    "$mapwright" catalog ddl "catalogs/$catalog.yaml" | psql -q -X -v ON_ERROR_STOP=1 -d "$database"
done
for table in readers loans charges holdings; do
    psql -q -X -v ON_ERROR_STOP=1 -v table="$table" -v rows="$(cat rows.json)" -d "$source_db" <<'SQL'
INSERT INTO :table SELECT * FROM json_populate_recordset(NULL::public.:table, :'rows'::json -> :'table');
SQL
done

sides=(
    --mapping library.map
    --catalog catalogs/card_index.yaml
    --catalog catalogs/lending.yaml
    --source-database-uri "dbname=$source_db"
    --target-database-uri "dbname=$target_db"
    --set moved_at=2026-05-01T02:00:00Z
)
echo "── check"
# 11: there are warnings to read, and nothing stands in the way.
"$mapwright" check "${sides[@]}" || test $? -eq 11
echo "── migrate --dry-run"
"$mapwright" migrate --dry-run "${sides[@]}"
echo "── migrate"
"$mapwright" migrate "${sides[@]}"
echo "── members of the new service"
psql -X -A -t -d "$target_db" -c "SELECT count(*) FROM members"
