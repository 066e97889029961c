-- The mark that a migration is held to: the same final rows, moved by nothing but COPY, and the same
-- indexes and constraints rebuilt, all in one transaction.
--   psql -v drop=FILE -v rebuild=FILE -v copies=FILE -d <empty target> -f benches/bare-copy.sql
-- The three files are made by migrate.sh from the target's catalog.
\set ON_ERROR_STOP on
BEGIN;
\i :drop
SELECT extract(epoch FROM clock_timestamp()) AS begun \gset
\i :copies
SELECT extract(epoch FROM clock_timestamp()) AS copied \gset
\i :rebuild
COMMIT;
SELECT round((:copied - :begun)::numeric, 2), round((extract(epoch FROM clock_timestamp()) - :copied)::numeric, 2);
