-- $1: tables. Their columns with the value that a row gets which does not set one: an expression, or
-- NULL where it is NULL. Whether that value is the same for every row: it is neither generated nor
-- counted, and nothing in it hangs on time, settings or chance.
SELECT c.oid AS "table",
       a.attname::text AS "column",
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
       pg_catalog.pg_get_expr(value.expression, c.oid) AS expression,
       a.attidentity = '' AND (
           value.expression IS NULL
           OR value.expression::text !~ '\{(SQLVALUEFUNCTION|NEXTVALUEEXPR|COERCEVIAIO|MINMAXEXPR|XMLEXPR|SUBLINK)'
           AND NOT EXISTS (
               SELECT
               FROM pg_catalog.regexp_matches(value.expression::text, ':(?:op)?funcid (\d+)', 'g') AS f (found)
               JOIN pg_catalog.pg_proc AS p ON p.oid = f.found[1]::oid
               WHERE p.provolatile <> 'i'
           )
       ) AS same_for_all
FROM unnest($1::oid[]) WITH ORDINALITY AS wanted (oid, place)
JOIN pg_catalog.pg_class AS c ON c.oid = wanted.oid
JOIN pg_catalog.pg_attribute AS a
    ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
CROSS JOIN LATERAL (SELECT coalesce(d.adbin, t.typdefaultbin)) AS value (expression)
ORDER BY wanted.place, a.attnum;
