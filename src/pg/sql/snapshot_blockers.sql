-- $1: the process that waits for a deferrable snapshot.
SELECT a.pid,
       a.application_name,
       a.usename::text AS "user",
       pg_catalog.host(a.client_addr) AS client_address,
       pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"') AS connected_since,
       a.state,
       a.backend_type,
       ARRAY[]::text[] AS locks,
       NULL::text AS prepared
FROM unnest(pg_catalog.pg_safe_snapshot_blocking_pids($1::int4)) AS blocker (pid)
JOIN pg_catalog.pg_stat_activity AS a ON a.pid = blocker.pid
ORDER BY a.pid;
