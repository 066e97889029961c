-- Enumeration types of the schema that columns of the tables asked for have, alone or in arrays.
-- $1: schema, $2: names or NULL.
SELECT t.typname::text,
       ARRAY(
           SELECT e.enumlabel::text
           FROM pg_catalog.pg_enum AS e
           WHERE e.enumtypid = t.oid
           ORDER BY e.enumsortorder
       )
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_namespace AS s ON s.oid = t.typnamespace
WHERE s.nspname = $1
  AND t.typtype = 'e'
  AND EXISTS (
      SELECT
      FROM pg_catalog.pg_attribute AS a
      JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
      WHERE a.atttypid IN (t.oid, t.typarray)
        AND a.attnum > 0
        AND NOT a.attisdropped
        AND c.relnamespace = s.oid
        AND c.relkind IN ('r', 'p')
        AND ($2::text[] IS NULL OR c.relname = ANY ($2))
  )
