SELECT name, count FROM (VALUES
    (1, 'users', (SELECT count(*) FROM users)),
    (2, 'user_threepids', (SELECT count(*) FROM user_threepids)),
    (3, 'user_external_ids', (SELECT count(*) FROM user_external_ids)),
    (4, 'devices', (SELECT count(*) FROM devices)),
    (5, 'dehydrated_devices', (SELECT count(*) FROM dehydrated_devices)),
    (6, 'access_tokens', (SELECT count(*) FROM access_tokens)),
    (7, 'refresh_tokens', (SELECT count(*) FROM refresh_tokens)),
    (8, 'account_validity', (SELECT count(*) FROM account_validity))
) AS counted (place, name, count) ORDER BY place
