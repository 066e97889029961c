-- Every foreign key of the database, with its columns in order; of partitioned tables those of the
-- whole, not the copies that its partitions have. The operator is the one that the key itself uses.
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
       ) AS to_columns,
       ARRAY(
           SELECT pg_catalog.format('OPERATOR(%I.%s)', n.nspname, o.oprname)
           FROM unnest(c.conpfeqop) WITH ORDINALITY AS k(operator, place)
           JOIN pg_catalog.pg_operator AS o ON o.oid = k.operator
           JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace
           ORDER BY k.place
       ) AS operators
FROM pg_catalog.pg_constraint AS c
JOIN pg_catalog.pg_class AS f ON f.oid = c.conrelid
JOIN pg_catalog.pg_namespace AS fn ON fn.oid = f.relnamespace
WHERE c.contype = 'f' AND c.conparentid = 0
ORDER BY fn.nspname, f.relname, c.conname;
