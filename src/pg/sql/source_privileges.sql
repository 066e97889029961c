-- $1: tables. What the role may do with each, in their order. From 17 on there is a privilege that
-- allows locking without writing.
SELECT current_user::text AS role,
       pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') AS in_schema,
       pg_catalog.has_table_privilege(c.oid, 'SELECT') AS may_read,
       pg_catalog.has_table_privilege(
           c.oid,
           CASE WHEN pg_catalog.current_setting('server_version_num')::int4 >= 170000
               THEN 'UPDATE, DELETE, TRUNCATE, MAINTAIN'
               ELSE 'UPDATE, DELETE, TRUNCATE'
           END
       ) AS may_lock,
       CASE WHEN pg_catalog.current_setting('server_version_num')::int4 >= 170000
           THEN 'MAINTAIN' ELSE 'UPDATE'
       END AS lock_privilege
FROM unnest($1::oid[]) WITH ORDINALITY AS wanted (oid, place)
JOIN pg_catalog.pg_class AS c ON c.oid = wanted.oid
ORDER BY wanted.place;
