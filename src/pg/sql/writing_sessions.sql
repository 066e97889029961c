-- Sessions of others that may change rows of the tables. $1: process numbers that are ours, $2: the
-- tables, $3: lock modes under which rows are changed.
-- Left out: who has no role (the server's own clean-up), replication, pg_dump (it reads in read-only
-- transactions), our own program (its sessions of a source are read-only). What a session may do is
-- asked of its role and of every role that it can become. The kind of a session is hidden from many
-- roles: then it counts.
SELECT a.pid,
       a.application_name,
       a.usename::text AS "user",
       pg_catalog.host(a.client_addr) AS client_address,
       pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"') AS connected_since,
       a.state,
       a.backend_type,
       ARRAY(
           SELECT CASE WHEN l.granted THEN 'holds ' ELSE 'waits for ' END
                  || l.mode || ' on ' || l.relation::pg_catalog.regclass::text AS lock
           FROM pg_catalog.pg_locks AS l
           WHERE l.pid = a.pid
             AND l.locktype = 'relation'
             AND l.relation = ANY ($2::oid[])
             AND l.mode = ANY ($3::text[])
           ORDER BY lock
       ) AS locks,
       NULL::text AS prepared
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = pg_catalog.current_database()
  AND a.pid <> pg_catalog.pg_backend_pid()
  AND a.pid <> ALL ($1::int4[])
  AND a.usesysid IS NOT NULL
  AND coalesce(a.application_name, '') NOT IN ('mapwright', 'pg_dump', 'pg_dumpall')
  AND (
      coalesce(a.backend_type, 'client backend') = 'client backend'
      -- It writes here what is written on another server.
      OR a.backend_type LIKE 'logical replication%worker'
  )
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_replication AS r WHERE r.pid = a.pid)
  AND EXISTS (
      SELECT FROM pg_catalog.pg_roles AS role, unnest($2::oid[]) AS t (oid)
      WHERE pg_catalog.pg_has_role(a.usesysid, role.oid, 'MEMBER')
        AND (
            pg_catalog.has_any_column_privilege(role.oid, t.oid, 'INSERT, UPDATE')
            OR pg_catalog.has_table_privilege(role.oid, t.oid, 'DELETE, TRUNCATE')
        )
  )
ORDER BY a.pid;
