-- $1: schema, $2: tables, $3: their key columns. Whether a plain ORDER BY goes by bytes: the
-- collation is C, POSIX or C.UTF-8 of the C library or built into the server. Columns of the
-- default collation have the database's; ICU is never taken for C, whatever the locale's name.
-- Columns of some versions of PostgreSQL only are read by way of JSON.
WITH database_collation AS (
    SELECT coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') AS provider,
           CASE coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
               WHEN 'c' THEN d.datcollate
               ELSE coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')
           END AS locale
    FROM pg_catalog.pg_database AS d
    WHERE d.datname = pg_catalog.current_database()
),
effective AS (
    SELECT wanted.place,
           CASE WHEN co.collprovider = 'd' THEN dc.provider ELSE co.collprovider::text END AS provider,
           CASE
               WHEN co.collprovider = 'd' THEN dc.locale
               WHEN co.collprovider = 'c' THEN co.collcollate
               ELSE coalesce(to_jsonb(co) ->> 'colllocale', to_jsonb(co) ->> 'colliculocale')
           END AS locale
    FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS wanted (table_name, key, place)
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = $1::text
    JOIN pg_catalog.pg_class AS c
        ON c.relnamespace = n.oid AND c.relname = wanted.table_name AND c.relkind IN ('r', 'p')
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid = c.oid AND a.attname = wanted.key AND a.attnum > 0
    JOIN pg_catalog.pg_collation AS co ON co.oid = a.attcollation
    CROSS JOIN database_collation AS dc
)
SELECT place,
       coalesce(
           provider IN ('c', 'b') AND upper(replace(locale, '-', '')) IN ('C', 'POSIX', 'C.UTF8'),
           false
       ) AS by_bytes
FROM effective;
