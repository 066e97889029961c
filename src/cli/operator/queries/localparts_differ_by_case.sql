-- Accounts whose user IDs differ only by case. Such a group has at least one member with a capital
-- letter, and few accounts have. The table is read twice; what is joined beyond `work_mem` goes to disk.
-- (200,000 accounts: one second, on a machine with other things to do.)
WITH folded AS (
    SELECT DISTINCT lower(name) AS folded
    FROM {users}
    WHERE appservice_id IS NULL AND name <> lower(name)
), concerned AS (
    SELECT u.name, f.folded, count(*) OVER (PARTITION BY f.folded) AS members
    FROM {users} AS u
    JOIN folded AS f ON f.folded = lower(u.name)
    WHERE u.appservice_id IS NULL
)
SELECT count(*),
       ARRAY(
           SELECT name FROM concerned WHERE members > 1
           ORDER BY folded COLLATE "C", name COLLATE "C" LIMIT 5
       )
FROM concerned
WHERE members > 1
