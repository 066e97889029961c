-- What a MAS-shaped database holds when MAS has made its tables and nobody has used it yet.
INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
VALUES (20260720000000, 'demo', true, '\x00', 0);
