-- $1: a table, $2: columns. Those that it does not have.
SELECT wanted.name
FROM unnest($2::text[]) WITH ORDINALITY AS wanted (name, place)
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = $1::oid AND a.attname = wanted.name AND a.attnum > 0
)
ORDER BY wanted.place;
