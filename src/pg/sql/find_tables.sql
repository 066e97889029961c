-- $1: schema, $2: names of tables. One row a name, in their order.
SELECT wanted.name, c.oid
FROM unnest($2::text[]) WITH ORDINALITY AS wanted (name, place)
LEFT JOIN (
    pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = $1::text
) ON c.relname = wanted.name AND c.relkind IN ('r', 'p')
ORDER BY wanted.place;
