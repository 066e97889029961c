-- $1: the key. A key of 64 bits is kept as two halves, with objsubid 1.
SELECT l.pid,
       a.application_name,
       coalesce(a.usename, p.owner)::text AS "user",
       pg_catalog.host(a.client_addr) AS client_address,
       pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"') AS connected_since,
       a.state,
       a.backend_type,
       ARRAY[]::text[] AS locks,
       p.gid AS prepared
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
WHERE l.locktype = 'advisory'
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
  AND l.objsubid = 1
  AND ((l.classid::int8 << 32) | l.objid::int8) = $1::int8
  AND l.granted
  AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
LIMIT 1;
