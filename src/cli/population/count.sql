SELECT 'users', count(*) FROM users
UNION ALL SELECT 'user_threepids', count(*) FROM user_threepids
UNION ALL SELECT 'user_external_ids', count(*) FROM user_external_ids
UNION ALL SELECT 'devices', count(*) FROM devices
UNION ALL SELECT 'dehydrated_devices', count(*) FROM dehydrated_devices
UNION ALL SELECT 'access_tokens', count(*) FROM access_tokens
UNION ALL SELECT 'refresh_tokens', count(*) FROM refresh_tokens
UNION ALL SELECT 'account_validity', count(*) FROM account_validity
