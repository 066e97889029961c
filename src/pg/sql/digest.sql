-- $1: all tables that will be altered. Everything about their structure that somebody could miss,
-- one row a thing: its kind, its name, and its properties as text. Numbers of catalog rows (oid)
-- and of files are left out, they change when a thing is made anew. Columns of some versions of
-- PostgreSQL only are read by way of JSON.
WITH touched AS (
    SELECT c.*, n.nspname, n.nspname || '.' || c.relname AS full_name
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = ANY ($1::oid[])
)
SELECT 'table' AS kind,
       t.full_name AS name,
       jsonb_build_object(
           'kind', t.relkind,
           'persistence', t.relpersistence,
           'owner', pg_catalog.pg_get_userbyid(t.relowner),
           'method', (SELECT am.amname FROM pg_catalog.pg_am AS am WHERE am.oid = t.relam),
           'tablespace', t.reltablespace,
           'options', t.reloptions::text,
           'toast_options', (SELECT x.reloptions::text FROM pg_catalog.pg_class AS x WHERE x.oid = t.reltoastrelid),
           'replica_identity', t.relreplident,
           'row_security', t.relrowsecurity,
           'force_row_security', t.relforcerowsecurity,
           'privileges', t.relacl::text,
           'comment', pg_catalog.obj_description(t.oid, 'pg_class'),
           'labels', (
               SELECT jsonb_agg(jsonb_build_array(l.provider, l.objsubid, l.label) ORDER BY l.provider, l.objsubid)
               FROM pg_catalog.pg_seclabel AS l
               WHERE l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND l.objoid = t.oid
           )
       )::text AS properties
FROM touched AS t
UNION ALL
SELECT 'column',
       t.full_name || '.' || a.attname,
       jsonb_build_object(
           'place', a.attnum,
           'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
           'required', a.attnotnull,
           'dropped', a.attisdropped,
           'default', pg_catalog.pg_get_expr(d.adbin, d.adrelid),
           'identity', a.attidentity,
           'generated', a.attgenerated,
           'collation', a.attcollation,
           'storage', a.attstorage,
           'compression', to_jsonb(a) ->> 'attcompression',
           'statistics', to_jsonb(a) ->> 'attstattarget',
           'options', a.attoptions::text,
           'privileges', a.attacl::text,
           'comment', pg_catalog.col_description(t.oid, a.attnum)
       )::text
FROM touched AS t
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = t.oid AND d.adnum = a.attnum
UNION ALL
SELECT 'constraint',
       k.conrelid::pg_catalog.regclass::text || '.' || k.conname,
       jsonb_build_object(
           'kind', k.contype,
           'definition', pg_catalog.pg_get_constraintdef(k.oid),
           'validated', k.convalidated,
           'deferrable', k.condeferrable,
           'deferred', k.condeferred,
           'local', k.conislocal,
           'inherited', k.coninhcount,
           'no_inherit', k.connoinherit,
           'enforced', to_jsonb(k) ->> 'conenforced',
           'index', ki.relname,
           'comment', pg_catalog.obj_description(k.oid, 'pg_constraint'),
           'triggers', (
               SELECT jsonb_agg(
                   jsonb_build_array(tr.tgrelid::pg_catalog.regclass::text, tr.tgfoid::pg_catalog.regproc::text, tr.tgtype, tr.tgenabled)
                   ORDER BY tr.tgrelid::pg_catalog.regclass::text, tr.tgfoid::pg_catalog.regproc::text, tr.tgtype
               )
               FROM pg_catalog.pg_trigger AS tr
               WHERE tr.tgconstraint = k.oid
           )
       )::text
FROM pg_catalog.pg_constraint AS k
LEFT JOIN pg_catalog.pg_class AS ki ON ki.oid = k.conindid
WHERE k.conrelid = ANY ($1::oid[]) OR k.confrelid = ANY ($1::oid[])
UNION ALL
SELECT 'index',
       t.nspname || '.' || ic.relname,
       jsonb_build_object(
           'table', t.full_name,
           'definition', pg_catalog.pg_get_indexdef(i.indexrelid),
           'unique', i.indisunique,
           'primary', i.indisprimary,
           'exclusion', i.indisexclusion,
           'immediate', i.indimmediate,
           'clustered', i.indisclustered,
           'valid', i.indisvalid,
           'ready', i.indisready,
           'live', i.indislive,
           'replica_identity', i.indisreplident,
           'owner', pg_catalog.pg_get_userbyid(ic.relowner),
           'persistence', ic.relpersistence,
           'tablespace', ic.reltablespace,
           'options', ic.reloptions::text,
           'collations', i.indcollation::text,
           'classes', i.indclass::text,
           'comment', pg_catalog.obj_description(i.indexrelid, 'pg_class'),
           'statistics', (
               SELECT jsonb_agg(to_jsonb(a) ->> 'attstattarget' ORDER BY a.attnum)
               FROM pg_catalog.pg_attribute AS a
               WHERE a.attrelid = i.indexrelid
           ),
           'extensions', (
               SELECT jsonb_agg(jsonb_build_array(d.refobjid, d.deptype) ORDER BY d.refobjid)
               FROM pg_catalog.pg_depend AS d
               WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                 AND d.objid = i.indexrelid
                 AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
           )
       )::text
FROM touched AS t
JOIN pg_catalog.pg_index AS i ON i.indrelid = t.oid
JOIN pg_catalog.pg_class AS ic ON ic.oid = i.indexrelid
UNION ALL
SELECT 'trigger',
       t.full_name || '.' || tr.tgname,
       jsonb_build_object(
           'definition', pg_catalog.pg_get_triggerdef(tr.oid),
           'enabled', tr.tgenabled,
           'comment', pg_catalog.obj_description(tr.oid, 'pg_trigger')
       )::text
FROM touched AS t
JOIN pg_catalog.pg_trigger AS tr ON tr.tgrelid = t.oid AND NOT tr.tgisinternal
UNION ALL
SELECT 'rule',
       t.full_name || '.' || r.rulename,
       jsonb_build_object('definition', pg_catalog.pg_get_ruledef(r.oid), 'enabled', r.ev_enabled)::text
FROM touched AS t
JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = t.oid
UNION ALL
SELECT 'policy',
       t.full_name || '.' || p.polname,
       (to_jsonb(p) - 'oid' - 'polrelid')::text
FROM touched AS t
JOIN pg_catalog.pg_policy AS p ON p.polrelid = t.oid
UNION ALL
SELECT 'statistics object',
       x.stxnamespace::pg_catalog.regnamespace::text || '.' || x.stxname,
       jsonb_build_object(
           'definition', pg_catalog.pg_get_statisticsobjdef(x.oid),
           'target', to_jsonb(x) ->> 'stxstattarget',
           'owner', pg_catalog.pg_get_userbyid(x.stxowner)
       )::text
FROM touched AS t
JOIN pg_catalog.pg_statistic_ext AS x ON x.stxrelid = t.oid
UNION ALL
SELECT 'publication',
       t.full_name || ' in ' || p.pubname,
       (to_jsonb(r) - 'oid')::text
FROM touched AS t
JOIN pg_catalog.pg_publication_rel AS r ON r.prrelid = t.oid
JOIN pg_catalog.pg_publication AS p ON p.oid = r.prpubid
UNION ALL
SELECT 'inheritance',
       h.inhrelid::pg_catalog.regclass::text || ' of ' || h.inhparent::pg_catalog.regclass::text,
       h.inhseqno::text
FROM pg_catalog.pg_inherits AS h
WHERE h.inhrelid = ANY ($1::oid[]) OR h.inhparent = ANY ($1::oid[]);
