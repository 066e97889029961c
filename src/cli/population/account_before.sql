-- What a Synapse-shaped source holds for one account that will be migrated as a login.
SELECT
    (SELECT count(*) FROM devices WHERE user_id = $1 AND NOT coalesce(hidden, false)),
    (SELECT count(*) FROM access_tokens WHERE user_id = $1),
    (SELECT count(*) FROM refresh_tokens WHERE user_id = $1),
    (SELECT count(*) FROM user_threepids WHERE user_id = $1),
    (SELECT count(*) FROM user_external_ids WHERE user_id = $1)
