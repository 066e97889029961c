-- Workers of MAS that were there after a moment, or have reported within two minutes and not signed off:
-- after that time MAS itself takes one for dead.
WITH worker AS (
    SELECT queue_worker_id,
           registered_at,
           last_seen_at,
           shutdown_at IS NULL AND last_seen_at > now() - interval '2 minutes' AS is_alive
    FROM {queue_workers}
    WHERE greatest(registered_at, last_seen_at, shutdown_at) > {since}::timestamptz
       OR shutdown_at IS NULL AND last_seen_at > now() - interval '2 minutes'
)
SELECT count(*),
       ARRAY(
           SELECT pg_catalog.format(
               '`%s`, registered at %s, last seen at %s%s',
               queue_worker_id,
               pg_catalog.to_char(registered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
               pg_catalog.to_char(last_seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
               CASE WHEN is_alive THEN ', alive' ELSE '' END
           )
           FROM worker
           ORDER BY is_alive DESC, last_seen_at DESC, queue_worker_id
           LIMIT 5
       )
FROM worker
