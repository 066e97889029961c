-- The newest password of an account of MAS, which is the one that counts, and what keeps people out.
SELECT p.hashed_password, p.version::text,
       CASE WHEN u.deactivated_at IS NOT NULL THEN 'deactivated' WHEN u.locked_at IS NOT NULL THEN 'locked' END
FROM {users} AS u
LEFT JOIN {user_passwords} AS p ON p.user_id = u.user_id
WHERE u.username = $1::text
ORDER BY p.created_at DESC, p.user_password_id DESC
LIMIT 1
