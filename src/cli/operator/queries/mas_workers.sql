-- Workers of MAS that have reported within two minutes and not signed off: after that time MAS itself
-- takes one for dead.
SELECT count(*),
       ARRAY(
           SELECT queue_worker_id::text FROM {queue_workers}
           WHERE shutdown_at IS NULL AND last_seen_at > now() - interval '2 minutes'
           ORDER BY last_seen_at DESC LIMIT 5
       )
FROM {queue_workers}
WHERE shutdown_at IS NULL AND last_seen_at > now() - interval '2 minutes'
