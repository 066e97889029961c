-- 1 if MAS has an account, else 0.
SELECT count(*) FROM (SELECT FROM {users} LIMIT 1) AS one
