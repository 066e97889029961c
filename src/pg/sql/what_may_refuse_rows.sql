-- $1: written tables. What no catalog describes and what may refuse or change rows all the same.
SELECT 'event trigger'::text AS kind, evtname::text AS name, evtevent::text AS place
FROM pg_catalog.pg_event_trigger
WHERE evtenabled <> 'D'
UNION ALL
SELECT 'exclusion constraint', conname::text, conrelid::pg_catalog.regclass::text
FROM pg_catalog.pg_constraint
WHERE contype = 'x' AND conrelid = ANY ($1::oid[])
UNION ALL
-- A foreign key whose columns are left to their defaults.
SELECT 'foreign key', c.conname::text, c.conrelid::pg_catalog.regclass::text
FROM pg_catalog.pg_constraint AS c
WHERE c.contype = 'f' AND c.conrelid = ANY ($1::oid[])
  AND NOT EXISTS (
      SELECT FROM unnest(c.conkey) AS k(attnum)
      LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = c.conrelid AND d.adnum = k.attnum
      WHERE d.oid IS NULL
  )
ORDER BY 1, 2;
