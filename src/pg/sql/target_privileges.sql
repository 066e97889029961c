-- $1: all tables that will be altered. What the role lacks: ownership of a table, or the right to
-- create an index where one is.
SELECT current_user::text AS role,
       n.nspname::text AS schema,
       c.relname::text AS name,
       pg_catalog.pg_get_userbyid(c.relowner)::text AS owner,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE')
           AND pg_catalog.has_schema_privilege(n.oid, 'CREATE') AS may_create,
       ARRAY(
           SELECT DISTINCT s.spcname::text
           FROM pg_catalog.pg_index AS i
           JOIN pg_catalog.pg_class AS ic ON ic.oid = i.indexrelid
           JOIN pg_catalog.pg_tablespace AS s ON s.oid = ic.reltablespace
           WHERE i.indrelid = c.oid
             AND NOT pg_catalog.has_tablespace_privilege(s.oid, 'CREATE')
       ) AS closed_tablespaces
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = ANY ($1::oid[])
ORDER BY n.nspname, c.relname;
