-- The collation that ORDER BY on a column means, for pairs of table and column.
-- $1: schema, $2: tables, $3: columns of the same length.
-- Provider: `c` the C library, `i` ICU, `b` built in (17). What only newer servers have is read
-- through JSON; before 15 a database's own collation was always the C library's.
SELECT q.table_name,
       q.column_name,
       a.attcollation <> 0,
       o.collname::text,
       CASE WHEN o.collprovider = 'd'
            THEN coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
            ELSE o.collprovider::text
       END,
       CASE WHEN o.collprovider = 'd'
            THEN CASE coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
                     WHEN 'c' THEN d.datcollate::text
                     ELSE coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')
                 END
            ELSE CASE o.collprovider
                     WHEN 'c' THEN o.collcollate::text
                     ELSE coalesce(to_jsonb(o) ->> 'colllocale', to_jsonb(o) ->> 'colliculocale')
                 END
       END
FROM unnest($2::text[], $3::text[]) AS q (table_name, column_name)
JOIN pg_catalog.pg_namespace AS s ON s.nspname = $1
JOIN pg_catalog.pg_class AS c ON c.relnamespace = s.oid AND c.relname = q.table_name
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = q.column_name
    AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_collation AS o ON o.oid = a.attcollation
JOIN pg_catalog.pg_database AS d ON d.datname = current_database()
