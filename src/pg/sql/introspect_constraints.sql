-- Keys, foreign keys and checks of all tables asked for. $1: schema, $2: names or NULL.
-- What only newer servers have is read through JSON, so that older ones understand the query:
-- NULLS NOT DISTINCT (15) and WITHOUT OVERLAPS (18); the latter is no key in our sense.
SELECT c.relname::text,
       k.conname::text,
       k.contype::text,
       ARRAY(
           SELECT a.attname::text
           FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, place)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
           ORDER BY u.place
       ),
       k.condeferrable,
       k.convalidated AND coalesce(i.indisvalid, true),
       coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
       CASE WHEN t.relnamespace = c.relnamespace THEN t.relname::text END,
       ARRAY(
           SELECT a.attname::text
           FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, place)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.attnum
           ORDER BY u.place
       ),
       k.confdeltype::text,
       k.confupdtype::text,
       pg_get_expr(k.conbin, k.conrelid)
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u')
LEFT JOIN pg_catalog.pg_class AS t ON t.oid = k.confrelid
WHERE s.nspname = $1
  AND c.relkind IN ('r', 'p')
  AND ($2::text[] IS NULL OR c.relname = ANY ($2))
  AND k.contype IN ('p', 'u', 'f', 'c')
  AND coalesce(to_jsonb(k) ->> 'conperiod', 'false') <> 'true'
