-- $1: a role's name, $2: tables. Who owns each, and what the role may do with it, in their order; of a
-- role that is not there, what everybody may.
SELECT o.rolname::text AS owner,
       o.rolsuper AS owner_is_superuser,
       CASE WHEN r.oid IS NULL THEN false
           ELSE pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE')
       END AS owned,
       ARRAY(
           SELECT p.privilege
           FROM unnest(
               CASE WHEN pg_catalog.current_setting('server_version_num')::int4 >= 170000
                   THEN ARRAY['SELECT', 'UPDATE', 'DELETE', 'TRUNCATE', 'MAINTAIN']
                   ELSE ARRAY['SELECT', 'UPDATE', 'DELETE', 'TRUNCATE']
               END
           ) AS p (privilege)
           WHERE pg_catalog.has_table_privilege(coalesce(r.oid, 0), c.oid, p.privilege)
       ) AS privileges,
       ARRAY(
           SELECT DISTINCT s.spcname::text
           FROM pg_catalog.pg_index AS i
           JOIN pg_catalog.pg_class AS ic ON ic.oid = i.indexrelid
           JOIN pg_catalog.pg_tablespace AS s ON s.oid = ic.reltablespace
           WHERE i.indrelid = c.oid
             AND NOT pg_catalog.has_tablespace_privilege(coalesce(r.oid, 0), s.oid, 'CREATE')
           ORDER BY 1
       ) AS closed_tablespaces
FROM unnest($2::oid[]) WITH ORDINALITY AS wanted (oid, place)
JOIN pg_catalog.pg_class AS c ON c.oid = wanted.oid
JOIN pg_catalog.pg_roles AS o ON o.oid = c.relowner
LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname = $1::text
ORDER BY wanted.place;
