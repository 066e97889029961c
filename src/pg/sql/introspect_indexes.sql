-- Indexes that no constraint owns, of all tables asked for. $1: schema, $2: names or NULL.
-- pg_get_indexdef gives one key without operator class, collation and order, so they are added
-- where they are not what PostgreSQL would take by itself.
SELECT c.relname::text,
       x.relname::text,
       m.amname::text,
       i.indisunique,
       i.indisvalid AND i.indisready,
       i.indimmediate,
       coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
       i.indpred IS NULL AND i.indexprs IS NULL,
       ARRAY(
           SELECT pg_get_indexdef(i.indexrelid, p.place, false)
               || CASE
                      WHEN a.attcollation IS NOT NULL AND a.attcollation <> o.oid
                      THEN ' COLLATE ' || quote_ident(o.collname)
                      ELSE ''
                  END
               || CASE WHEN b.opcdefault THEN '' ELSE ' ' || quote_ident(b.opcname) END
               || CASE
                      WHEN NOT pg_indexam_has_property(m.oid, 'can_order') THEN ''
                      ELSE CASE i.indoption[p.place - 1] & 3
                          WHEN 0 THEN ''
                          WHEN 1 THEN ' DESC NULLS LAST'
                          WHEN 2 THEN ' NULLS FIRST'
                          ELSE ' DESC'
                      END
                  END
           FROM generate_series(1, i.indnkeyatts) AS p (place)
           JOIN pg_catalog.pg_opclass AS b ON b.oid = i.indclass[p.place - 1]
           LEFT JOIN pg_catalog.pg_collation AS o ON o.oid = i.indcollation[p.place - 1]
           LEFT JOIN pg_catalog.pg_attribute AS a
               ON a.attrelid = i.indrelid AND a.attnum = i.indkey[p.place - 1] AND a.attnum > 0
           ORDER BY p.place
       ),
       ARRAY(
           SELECT a.attname::text
           FROM generate_series(1, i.indnkeyatts) AS p (place)
           JOIN pg_catalog.pg_attribute AS a
               ON a.attrelid = i.indrelid AND a.attnum = i.indkey[p.place - 1]
           ORDER BY p.place
       ),
       ARRAY(
           SELECT a.attname::text
           FROM generate_series(i.indnkeyatts + 1, i.indnatts) AS p (place)
           JOIN pg_catalog.pg_attribute AS a
               ON a.attrelid = i.indrelid AND a.attnum = i.indkey[p.place - 1]
           ORDER BY p.place
       ),
       pg_get_expr(i.indpred, i.indrelid)
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_am AS m ON m.oid = x.relam
WHERE s.nspname = $1
  AND c.relkind IN ('r', 'p')
  AND ($2::text[] IS NULL OR c.relname = ANY ($2))
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_constraint AS k
      WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
  )
