-- $1: the tables to be written, $2: foreign keys that will be dropped. Every index of the tables,
-- with the constraint it serves.
SELECT i.indexrelid AS oid,
       c.relname::text AS name,
       i.indrelid AS table_oid,
       pg_catalog.pg_get_indexdef(i.indexrelid) AS definition,
       i.indisclustered AS is_clustered,
       i.indisreplident AS is_replica_identity,
       s.spcname::text AS tablespace,
       pg_catalog.obj_description(i.indexrelid, 'pg_class') AS comment,
       k.contype::text AS constraint_kind,
       coalesce(k.condeferrable, false) AS is_deferrable,
       coalesce(k.condeferred, false) AS is_deferred,
       pg_catalog.obj_description(k.oid, 'pg_constraint') AS constraint_comment,
       statistics.places AS statistics_places,
       statistics.targets AS statistics_targets,
       CASE
           WHEN k.contype IN ('p', 'u') AND (am.amname <> 'btree' OR i.indisexclusion)
               THEN 'it is a key over periods'
           WHEN k.oid IS NOT NULL AND k.contype NOT IN ('p', 'u')
               THEN 'it serves an exclusion constraint'
           WHEN k.oid IS NOT NULL AND k.conname <> c.relname
               THEN 'its constraint has another name'
           WHEN EXISTS (
               SELECT FROM pg_catalog.pg_depend AS d
               WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                 AND d.objid = i.indexrelid
                 AND d.deptype IN ('e', 'x')
           )
               THEN 'it belongs to an extension'
           WHEN dependent.name IS NOT NULL
               THEN dependent.name || ' depends on it'
       END AS obstacle
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am AS am ON am.oid = c.relam
LEFT JOIN pg_catalog.pg_tablespace AS s ON s.oid = c.reltablespace
LEFT JOIN pg_catalog.pg_constraint AS k
    ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
LEFT JOIN LATERAL (
    SELECT min(pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)) AS name
    FROM pg_catalog.pg_depend AS d
    WHERE (
            d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.refobjid = i.indexrelid
            OR d.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
            AND d.refobjid = k.oid
        )
      -- the index itself, the triggers of a deferrable key, and the keys that go with it
      AND NOT (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = i.indexrelid)
      AND NOT (d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND d.deptype = 'i')
      AND NOT (
          d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
          AND d.objid = ANY ($2::oid[])
      )
) AS dependent ON true
LEFT JOIN LATERAL (
    SELECT array_agg(a.attnum::int4 ORDER BY a.attnum) AS places,
           array_agg((to_jsonb(a) ->> 'attstattarget')::int4 ORDER BY a.attnum) AS targets
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = i.indexrelid
      AND (to_jsonb(a) ->> 'attstattarget')::int4 >= 0
) AS statistics ON true
WHERE i.indrelid = ANY ($1::oid[])
ORDER BY c.relname;
