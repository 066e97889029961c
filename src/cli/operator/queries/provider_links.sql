-- Which providers the links name, and how often.
SELECT auth_provider, count(*)
FROM {user_external_ids}
GROUP BY auth_provider
ORDER BY count(*) DESC, auth_provider COLLATE "C"
LIMIT 1000
