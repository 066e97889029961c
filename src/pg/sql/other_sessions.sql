-- $1: process numbers that are ours.
SELECT a.pid,
       a.application_name,
       a.usename::text AS "user",
       pg_catalog.host(a.client_addr) AS client_address,
       pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"') AS connected_since,
       a.state,
       a.backend_type,
       ARRAY[]::text[] AS locks,
       NULL::text AS prepared
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = pg_catalog.current_database()
  AND a.pid <> pg_catalog.pg_backend_pid()
  AND a.pid <> ALL ($1::int4[])
  AND coalesce(a.backend_type, 'client backend') = 'client backend'
ORDER BY a.pid;
