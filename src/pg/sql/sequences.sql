-- $1: written tables. The sequences that their integer columns draw from: identities, sequences that
-- a column owns, and those of a default.
WITH used AS (
    SELECT d.refobjid AS table_oid, d.refobjsubid AS place, d.objid AS sequence
    FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.refobjid = ANY ($1::oid[])
      AND d.refobjsubid > 0
      AND d.deptype IN ('a', 'i')
    UNION
    SELECT f.adrelid, f.adnum, d.refobjid
    FROM pg_catalog.pg_attrdef AS f
    JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
        AND d.objid = f.oid
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.refobjsubid = 0
    WHERE f.adrelid = ANY ($1::oid[])
)
SELECT u.table_oid,
       a.attname::text AS "column",
       n.nspname::text AS schema,
       c.relname::text AS name,
       s.seqincrement AS increment,
       s.seqmin AS smallest,
       s.seqmax AS largest,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned,
       pg_catalog.pg_get_userbyid(c.relowner)::text AS owner
FROM used AS u
JOIN pg_catalog.pg_class AS c ON c.oid = u.sequence AND c.relkind = 'S'
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_sequence AS s ON s.seqrelid = c.oid
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = u.table_oid AND a.attnum = u.place
WHERE a.atttypid IN ('int2'::pg_catalog.regtype, 'int4'::pg_catalog.regtype, 'int8'::pg_catalog.regtype)
ORDER BY n.nspname, c.relname, u.table_oid, u.place;
