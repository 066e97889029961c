-- $1: tables that rows will be removed from. What they are and what happens besides, in their order.
SELECT c.relkind = 'p' AS partitioned,
       ARRAY(
           SELECT t.tgname::text
           FROM pg_catalog.pg_trigger AS t
           WHERE t.tgrelid = c.oid
             AND NOT t.tgisinternal
             AND t.tgenabled IN ('O', 'A')
             AND t.tgtype & 8 <> 0 -- DELETE
           ORDER BY t.tgname
       ) AS delete_triggers,
       ARRAY(
           SELECT t.tgname::text
           FROM pg_catalog.pg_trigger AS t
           WHERE t.tgrelid = c.oid
             AND NOT t.tgisinternal
             AND t.tgenabled IN ('O', 'A')
             AND t.tgtype & 32 <> 0 -- TRUNCATE
           ORDER BY t.tgname
       ) AS truncate_triggers,
       ARRAY(
           SELECT r.rulename::text
           FROM pg_catalog.pg_rewrite AS r
           WHERE r.ev_class = c.oid AND r.ev_type = '4' AND r.ev_enabled IN ('O', 'A') -- DELETE
           ORDER BY r.rulename
       ) AS delete_rules
FROM unnest($1::oid[]) WITH ORDINALITY AS wanted (oid, place)
JOIN pg_catalog.pg_class AS c ON c.oid = wanted.oid
ORDER BY wanted.place;
