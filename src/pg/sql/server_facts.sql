SELECT current_setting('server_version_num'),
       current_setting('server_version'),
       current_setting('server_encoding'),
       pg_backend_pid(),
       pg_is_in_recovery(),
       current_setting('transaction_read_only')
