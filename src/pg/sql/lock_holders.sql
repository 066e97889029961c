-- $1: tables, NULL for all of this database, $2: modes. One row a session; those that wait count too, because a lock is refused
-- to whoever would overtake them.
SELECT l.pid,
       min(a.application_name) AS application_name,
       min(coalesce(a.usename, p.owner)::text) AS "user",
       min(pg_catalog.host(a.client_addr)) AS client_address,
       pg_catalog.to_char(min(a.backend_start) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"') AS connected_since,
       min(a.state) AS state,
       min(a.backend_type) AS backend_type,
       array_agg(
           CASE WHEN l.granted THEN 'holds ' ELSE 'waits for ' END
               || l.mode || ' on ' || l.relation::pg_catalog.regclass::text
           ORDER BY l.relation::pg_catalog.regclass::text, l.mode
       ) AS locks,
       min(p.gid) AS prepared
FROM pg_catalog.pg_locks AS l
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
-- A prepared transaction has no process; it is known by the lock on its own number.
LEFT JOIN (
    pg_catalog.pg_locks AS own
    JOIN pg_catalog.pg_prepared_xacts AS p ON p.transaction = own.transactionid
) ON l.pid IS NULL
    AND own.pid IS NULL
    AND own.locktype = 'transactionid'
    AND own.virtualtransaction = l.virtualtransaction
WHERE l.locktype = 'relation'
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
  AND ($1::oid[] IS NULL OR l.relation = ANY ($1))
  AND l.mode = ANY ($2::text[])
  AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
GROUP BY l.pid, l.virtualtransaction
ORDER BY l.pid NULLS LAST;
