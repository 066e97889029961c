-- $1: the tables to be written. Every foreign key from or to one of them. Keys of a partition are
-- left to the key of the partitioned table.
SELECT k.oid,
       k.conname::text AS name,
       k.conrelid AS table_oid,
       n.nspname::text AS table_schema,
       c.relname::text AS table_name,
       k.confrelid AS referenced_oid,
       rn.nspname::text AS referenced_schema,
       rc.relname::text AS referenced_name,
       k.conindid AS index_oid,
       pg_catalog.pg_get_constraintdef(k.oid) AS definition,
       pg_catalog.obj_description(k.oid, 'pg_constraint') AS comment,
       CASE
           WHEN k.conparentid <> 0 OR c.relkind <> 'r' OR rc.relkind <> 'r'
               OR c.relispartition OR rc.relispartition
               THEN 'it belongs to a partitioned table'
           WHEN NOT k.conislocal OR k.coninhcount <> 0
               THEN 'it is inherited'
           WHEN EXISTS (
               SELECT FROM pg_catalog.pg_trigger AS t
               WHERE t.tgconstraint = k.oid AND t.tgenabled <> 'O'
           )
               THEN 'its triggers have been switched off'
           WHEN EXISTS (
               SELECT FROM pg_catalog.pg_depend AS d
               WHERE d.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
                 AND d.refobjid = k.oid
                 AND d.classid <> 'pg_catalog.pg_trigger'::pg_catalog.regclass
           )
               THEN 'another object depends on it'
       END AS obstacle
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class AS rc ON rc.oid = k.confrelid
JOIN pg_catalog.pg_namespace AS rn ON rn.oid = rc.relnamespace
WHERE k.contype = 'f'
  AND (k.conrelid = ANY ($1::oid[]) OR k.confrelid = ANY ($1::oid[]))
ORDER BY n.nspname, c.relname, k.conname, k.oid;
