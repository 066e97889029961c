-- What a server and the database connected to are.
SELECT current_setting('server_version_num')::integer,
       current_setting('server_version'),
       pg_encoding_to_char(d.encoding)::text,
       pg_is_in_recovery(),
       d.datname::text,
       d.oid,
       has_function_privilege('pg_catalog.pg_control_system()', 'execute')
FROM pg_catalog.pg_database AS d
WHERE d.datname = current_database()
