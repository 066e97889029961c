-- $1: the tables to be written. What decides whether rows can be copied into them, in their order.
SELECT c.oid,
       c.relkind::text AS kind,
       c.relpersistence::text AS persistence,
       c.relispartition AS is_partition,
       EXISTS (
           SELECT FROM pg_catalog.pg_inherits AS i WHERE c.oid IN (i.inhparent, i.inhrelid)
       ) AS inherits,
       pg_catalog.row_security_active(c.oid) AS row_security,
       ARRAY(
           SELECT t.tgname::text
           FROM pg_catalog.pg_trigger AS t
           WHERE t.tgrelid = c.oid
             AND NOT t.tgisinternal
             AND t.tgenabled IN ('O', 'A')
             AND t.tgtype & (4 | 32) <> 0 -- INSERT or TRUNCATE
           ORDER BY t.tgname
       ) AS triggers,
       ARRAY(
           SELECT r.rulename::text
           FROM pg_catalog.pg_rewrite AS r
           WHERE r.ev_class = c.oid AND r.ev_type = '3' AND r.ev_enabled IN ('O', 'A') -- INSERT
           ORDER BY r.rulename
       ) AS rules,
       ARRAY(
           SELECT ic.relname::text
           FROM pg_catalog.pg_index AS i
           JOIN pg_catalog.pg_class AS ic ON ic.oid = i.indexrelid
           WHERE i.indrelid = c.oid AND NOT (i.indisvalid AND i.indisready AND i.indislive)
           ORDER BY ic.relname
       ) AS invalid_indexes
FROM unnest($1::oid[]) WITH ORDINALITY AS wanted (oid, place)
JOIN pg_catalog.pg_class AS c ON c.oid = wanted.oid
ORDER BY wanted.place;
