-- Process numbers of other sessions of this database whose role may write to the accounts. A monitor's
-- role may not; mapwright's own sessions are kept apart by the lock that a run takes.
SELECT coalesce(a.application_name, ''), a.pid::bigint
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = pg_catalog.current_database()
  AND a.pid <> pg_catalog.pg_backend_pid()
  AND a.usesysid IS NOT NULL
  AND coalesce(a.application_name, '') <> 'mapwright'
  AND coalesce(a.backend_type, 'client backend') = 'client backend'
  AND pg_catalog.has_table_privilege(a.usesysid, {users_literal}::regclass, 'INSERT')
