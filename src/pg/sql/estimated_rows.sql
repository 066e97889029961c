-- $1: schema, $2: tables. About how many rows each has, in their order, as the planner would guess: the
-- rows that a page had when it was last looked at, by the pages of today. NULL where nobody ever looked.
SELECT CASE
           WHEN pg_catalog.pg_relation_size(c.oid) = 0 THEN 0
           WHEN c.reltuples < 0 OR c.relpages = 0 THEN NULL
           ELSE pg_catalog.ceil(c.reltuples::float8 / c.relpages
               * (pg_catalog.pg_relation_size(c.oid)
                   / pg_catalog.current_setting('block_size')::float8))
       END::int8 AS rows
FROM pg_catalog.unnest($2::text[]) WITH ORDINALITY AS wanted (name, place)
LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = $1::text
LEFT JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.name
ORDER BY wanted.place;
