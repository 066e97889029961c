-- $1: tables. Whether the role connected as may read each, or owns it, in their order. Rights to some columns alone
-- may be enough: the query that needs them will tell.
SELECT current_user::text AS role,
       pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') AS in_schema,
       pg_catalog.has_any_column_privilege(c.oid, 'SELECT') AS may_read,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned
FROM unnest($1::oid[]) WITH ORDINALITY AS wanted (oid, place)
JOIN pg_catalog.pg_class AS c ON c.oid = wanted.oid
ORDER BY wanted.place;
