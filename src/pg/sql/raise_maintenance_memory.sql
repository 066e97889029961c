-- $1: bytes. For this transaction, and only upwards.
SELECT pg_catalog.set_config(
    'maintenance_work_mem',
    least(
        2147483647,
        greatest(
            pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')) / 1024,
            $1::int8 / 1024
        )
    )::text || 'kB',
    true
);
