-- Accounts whose user IDs differ from the one asked for by case alone.
SELECT name
FROM {users}
WHERE lower(name) = lower($1::text) AND name <> $1::text
ORDER BY name COLLATE "C"
LIMIT 5
