-- The columns of all tables asked for, tables without columns too. $1: schema, $2: names or NULL.
-- A NOT NULL that is not valid (possible from PostgreSQL 18 on) promises nothing.
SELECT c.relname::text,
       a.attname::text,
       -- Of a domain the type under it, with the limit that the lowest domain which has one sets.
       (
           WITH RECURSIVE layers (typid, typmod) AS (
               SELECT a.atttypid, a.atttypmod
               UNION ALL
               SELECT t.typbasetype, CASE WHEN l.typmod < 0 THEN t.typtypmod ELSE l.typmod END
               FROM layers AS l
               JOIN pg_catalog.pg_type AS t ON t.oid = l.typid AND t.typtype = 'd'
           )
           SELECT format_type(l.typid, l.typmod)
           FROM layers AS l
           JOIN pg_catalog.pg_type AS t ON t.oid = l.typid AND t.typtype <> 'd'
       ),
       a.attnotnull AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_constraint AS n
           WHERE n.conrelid = c.oid AND n.contype = 'n'
             AND n.conkey = ARRAY[a.attnum] AND NOT n.convalidated
       ),
       pg_get_expr(d.adbin, d.adrelid),
       a.attidentity::text,
       a.attgenerated::text,
       -- The keys of a partitioned table hold for all its partitions; these hold for no child.
       c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits AS h WHERE h.inhparent = c.oid)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE s.nspname = $1
  AND c.relkind IN ('r', 'p')
  AND ($2::text[] IS NULL OR c.relname = ANY ($2))
ORDER BY c.oid, a.attnum
