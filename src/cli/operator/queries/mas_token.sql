-- Where MAS keeps a token: the table, its row, the session, the device, the account, and why the token
-- is dead, if it is.
SELECT 'compat_access_tokens', t.compat_access_token_id::text, s.compat_session_id::text, s.device_id,
       u.username,
       CASE
           WHEN s.finished_at IS NOT NULL THEN 'its session has ended'
           WHEN t.expires_at <= now() THEN 'it has expired'
       END
FROM {compat_access_tokens} AS t
JOIN {compat_sessions} AS s ON s.compat_session_id = t.compat_session_id
JOIN {users} AS u ON u.user_id = s.user_id
WHERE t.access_token = $1::text
UNION ALL
SELECT 'compat_refresh_tokens', t.compat_refresh_token_id::text, s.compat_session_id::text, s.device_id,
       u.username,
       CASE
           WHEN s.finished_at IS NOT NULL THEN 'its session has ended'
           WHEN t.consumed_at IS NOT NULL THEN 'it has been used'
       END
FROM {compat_refresh_tokens} AS t
JOIN {compat_sessions} AS s ON s.compat_session_id = t.compat_session_id
JOIN {users} AS u ON u.user_id = s.user_id
WHERE t.refresh_token = $1::text
