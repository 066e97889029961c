-- When these accounts were last seen, in milliseconds.
SELECT user_id, max(last_seen)
FROM {devices}
WHERE user_id = ANY ($1::text[]) AND last_seen IS NOT NULL
GROUP BY user_id
