-- $1: a role's name, $2: names of schemas. What the role may do in this database and there; of a role
-- that is not there, what everybody may.
SELECT r.oid IS NOT NULL AS is_there,
       coalesce(r.rolinherit, true) AS inherits,
       pg_catalog.current_setting('server_version_num')::int4 AS server_version,
       d.datname::text AS database,
       pg_catalog.has_database_privilege(coalesce(r.oid, 0), d.oid, 'CONNECT') AS connects,
       ARRAY(
           SELECT n.nspname::text FROM pg_catalog.pg_namespace AS n
           WHERE n.nspname = ANY ($2::text[])
             AND pg_catalog.has_schema_privilege(coalesce(r.oid, 0), n.oid, 'USAGE')
       ) AS used_schemas,
       ARRAY(
           SELECT n.nspname::text FROM pg_catalog.pg_namespace AS n
           WHERE n.nspname = ANY ($2::text[])
             AND pg_catalog.has_schema_privilege(coalesce(r.oid, 0), n.oid, 'CREATE')
       ) AS created_in_schemas,
       d.datdba IS NOT DISTINCT FROM r.oid AS owns_database,
       ARRAY(
           SELECT n.nspname::text FROM pg_catalog.pg_namespace AS n
           JOIN pg_catalog.pg_roles AS o ON o.oid = n.nspowner
           WHERE n.nspname = ANY ($2::text[])
             AND r.oid IN (o.oid, CASE WHEN o.rolname = 'pg_database_owner' THEN d.datdba END)
       ) AS owned_schemas
FROM pg_catalog.pg_database AS d
LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname = $1::text
WHERE d.datname = pg_catalog.current_database();
