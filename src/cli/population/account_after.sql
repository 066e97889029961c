-- What a MAS-shaped target holds for one account.
SELECT
    (SELECT count(*) FROM compat_sessions AS s WHERE s.user_id = u.user_id),
    (SELECT count(*) FROM compat_access_tokens AS t JOIN compat_sessions AS s USING (compat_session_id) WHERE s.user_id = u.user_id),
    (SELECT count(*) FROM compat_refresh_tokens AS t JOIN compat_sessions AS s USING (compat_session_id) WHERE s.user_id = u.user_id),
    (SELECT count(*) FROM user_emails AS e WHERE e.user_id = u.user_id)
        + (SELECT count(*) FROM user_unsupported_third_party_ids AS t WHERE t.user_id = u.user_id),
    (SELECT count(*) FROM upstream_oauth_links AS l WHERE l.user_id = u.user_id),
    (SELECT p.hashed_password FROM user_passwords AS p WHERE p.user_id = u.user_id)
FROM users AS u
WHERE u.username = $1
