-- Accounts whose e-mail addresses differ from another account's only by case; as for user IDs, at
-- least one address of such a group has a capital letter. No address leaves the database.
WITH folded AS (
    SELECT DISTINCT lower(address) AS folded
    FROM {user_threepids}
    WHERE medium = 'email' AND address <> lower(address)
), concerned AS (
    SELECT t.user_id, f.folded
    FROM {user_threepids} AS t
    JOIN folded AS f ON f.folded = lower(t.address)
    JOIN {users} AS u ON u.name = t.user_id
    WHERE t.medium = 'email' AND u.appservice_id IS NULL
), shared AS (
    SELECT folded FROM concerned GROUP BY folded HAVING count(DISTINCT user_id) > 1
), accounts AS (
    SELECT DISTINCT c.user_id FROM concerned AS c JOIN shared USING (folded)
)
SELECT count(*),
       ARRAY(SELECT user_id FROM accounts ORDER BY user_id COLLATE "C" LIMIT 5)
FROM accounts
