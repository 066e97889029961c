-- Every foreign key of the database between ordinary tables, with its columns in order.
SELECT c.conrelid AS "from",
       fn.nspname::text AS from_schema,
       f.relname::text AS from_name,
       c.confrelid AS "to",
       c.confdeltype IN ('n', 'd') AS forgets,
       ARRAY(
           SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k(attnum, place)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.attnum
           ORDER BY k.place
       ) AS from_columns,
       ARRAY(
           SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS k(attnum, place)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = k.attnum
           ORDER BY k.place
       ) AS to_columns
FROM pg_catalog.pg_constraint AS c
JOIN pg_catalog.pg_class AS f ON f.oid = c.conrelid
JOIN pg_catalog.pg_namespace AS fn ON fn.oid = f.relnamespace
WHERE c.contype = 'f' AND c.conparentid = 0
ORDER BY fn.nspname, f.relname, c.conname;
