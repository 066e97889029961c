-- Writes the statements that drop, and those that rebuild, every key, constraint and index that slows
-- COPY into the tables of a migration: psql -v drop=FILE -v rebuild=FILE -v tables=LIST
CREATE TEMP TABLE tables AS
SELECT to_regclass(name) AS id FROM unnest(string_to_array(:'tables', ' ')) AS name;
CREATE TEMP TABLE keys AS
SELECT contype, conname, conrelid::regclass AS owner, pg_get_constraintdef(oid) AS definition
FROM pg_constraint
WHERE contype IN ('f', 'p', 'u') AND (conrelid IN (SELECT id FROM tables) OR confrelid IN (SELECT id FROM tables))
  -- A primary key that a table outside refers to goes and comes with that reference.
  AND (contype = 'f' OR conrelid IN (SELECT id FROM tables));
CREATE TEMP TABLE plain_indexes AS
SELECT indexrelid::regclass AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index
WHERE indrelid IN (SELECT id FROM tables)
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'));
\o :drop
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I;', owner, conname) FROM keys ORDER BY contype = 'f' DESC, 1;
SELECT format('DROP INDEX %s;', name) FROM plain_indexes ORDER BY 1;
\o :rebuild
SELECT definition || ';' FROM plain_indexes ORDER BY 1;
SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s;', owner, conname, definition) FROM keys ORDER BY contype = 'f', 1;
\o
