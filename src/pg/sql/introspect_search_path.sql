-- Points the session's search path at one schema and at those of extensions, so that PostgreSQL
-- prints types and expressions the same wherever a schema lies. $1: schema.
-- Gives the path there was, to be put back, and the extensions.
WITH before AS MATERIALIZED (SELECT current_setting('search_path') AS path),
     installed AS MATERIALIZED (
         SELECT e.extname::text AS extension, quote_ident(s.nspname) AS schema
         FROM pg_catalog.pg_extension AS e
         JOIN pg_catalog.pg_namespace AS s ON s.oid = e.extnamespace
         WHERE s.nspname <> 'pg_catalog'
     )
SELECT before.path,
       ARRAY(SELECT extension FROM installed ORDER BY extension COLLATE "C"),
       set_config(
           'search_path',
           concat_ws(', ', quote_ident($1), (SELECT string_agg(DISTINCT schema, ', ') FROM installed)),
           false
       )
FROM before
