-- Devices, access tokens and refresh tokens, after accounts.sql.
--
-- Device IDs say what they show. Token IDs of the peculiar accounts are a multiple of 1000 (the block)
-- plus the number in the list; those of the ordinary accounts begin far above. A token is `syt_` or
-- `syr_`, the account's hash, and that number.
INSERT INTO devices (user_id, device_id, display_name, last_seen, ip, user_agent, hidden)
SELECT mxid, device_id, display_name, seen, ip, agent, hidden
FROM population JOIN (VALUES
    (0, 'PHONE', 'Element X Android', 1750000000123, '10.1.2.3', 'Element X/26.1', false),
    (0, 'LAPTOP', 'Element Web', 1750000001000, '2001:db8::1', 'Mozilla/5.0', NULL::boolean),
    (1, 'PHONE', 'Element X iOS', 1750000002000, '10.1.2.4', 'Element X/26.1', false),
    (2, 'CONSOLE', 'An admin''s console', 1750000003000, '10.1.2.5', 'curl/8', false),
    (3, 'OLD', 'From before', 1450000000000, '10.1.2.6', NULL, NULL),
    (6, 'LEFT', 'Left behind', 1650000000000, '10.1.2.7', NULL, false),
    (8, 'guest_device', NULL, NULL, NULL, NULL, false),
    (8, 'OTHER', 'A guest''s second device', NULL, NULL, NULL, false),
    (9, 'BRIDGE', 'A bridge''s device', 1750000004000, '10.1.2.8', NULL, false),
    (29, 'SHOWN', 'A device', 1750000005000, '10.1.2.9', 'x', false),
    (29, 'HIDDEN', 'master signing key', NULL, NULL, NULL, true),
    (29, 'HIDDEN_NULL', 'Not said to be hidden', 1750000006000, '10.1.2.9', 'x', NULL),
    (30, 'UNKNOWN', NULL, 1750000007000, '-', 'x', false),
    (30, 'GARBAGE', NULL, 1750000007000, 'behind a proxy', 'x', false),
    (30, 'PORT', NULL, 1750000007000, '10.0.0.1:8448', 'x', false),
    (30, 'V6', NULL, 1750000007000, 'fe80::1234:5678', 'x', false),
    (30, 'MAPPED', NULL, 1750000007000, '::ffff:10.0.0.1', 'x', false),
    (30, 'EMPTY', NULL, 1750000007000, '', 'x', false),
    (31, 'NULLS', NULL, NULL, NULL, NULL, NULL),
    (32, 'DEHYDRATED', 'Dehydrated device', NULL, NULL, NULL, false),
    (32, 'AWAKE', 'A device', 1750000008000, '10.1.3.0', 'x', false),
    (33, 'QUIET', 'Never used', NULL, NULL, NULL, false),
    (34, 'DEVICE', 'A device beside', 1750000009000, '10.1.3.1', 'x', false),
    (35, 'DEVICE', 'The puppet''s own', 1750000009000, '10.1.3.2', 'x', false),
    (36, 'KEPT', 'A device', 1750000009000, '10.1.3.3', 'x', false),
    (36, 'HIDDEN', 'self-signing signing key', NULL, NULL, NULL, true),
    (37, 'EXPIRED', 'A device', 1750000009000, '10.1.3.4', 'x', false),
    (38, 'FOREIGN', 'A device', 1750000009000, '10.1.3.5', 'x', false),
    (39, 'DEVICE', 'A device', 1750000009000, '10.1.3.6', 'x', false),
    (40, 'DEVICE', 'A device', 1750000009000, '10.1.3.7', 'x', false),
    (40, 'SECOND', 'Another', 1750000009000, '10.1.3.7', 'x', false),
    (41, 'DEVICE', 'A device', 1750000009000, '10.1.3.8', 'x', false),
    (42, 'DEVICE', 'A device', 1750000009000, '10.1.3.9', 'x', false),
    (43, 'ONE', 'A device', 1750000009000, '10.1.4.0', 'x', false),
    (43, 'TWO', 'Another', 1750000009000, '10.1.4.0', 'x', false),
    (44, 'Ünïcödé/ 1', E'\U0001F4F1 "quoted" \\ tab\there, line\nthere, \u202eright to left', 1750000010000, '10.1.4.1',
     repeat('Mozilla/5.0 (something that grew) ', 200), false),
    (45, 'ZERO', NULL, 0, '10.1.4.2', 'x', false),
    (45, 'NEGATIVE', NULL, -1, '10.1.4.2', 'x', false),
    (45, 'ABSURD', NULL, 9000000000000000000, '10.1.4.2', 'x', false),
    (45, 'MINIMUM', NULL, 1750000011000, '10.1.4.2', 'x', false),
    (47, 'EMPTY', '', 1750000012000, '-', '', false),
    (49, 'DEVICE', 'A device', 1750000013000, '10.1.4.3', 'x', false)
) AS device (slot, device_id, display_name, seen, ip, agent, hidden) USING (slot)
UNION ALL
SELECT mxid, 'DEVICE' || n, 'One of many', 1750000014000 + n, '10.2.0.' || n, 'x', false
FROM population, generate_series(1, 40) AS n WHERE slot = 48
UNION ALL
SELECT replace(mxid, '@', '@ghost_'), 'GHOST', 'Nobody''s', 1750000015000, '10.1.4.4', 'x', false
FROM population WHERE slot = 0
UNION ALL
SELECT mxid, upper(substr(md5(hex || d), 1, 10)),
       CASE number % 3 WHEN 0 THEN 'Element Web: Firefox on Linux ' || number ELSE 'Element X Android' END,
       CASE WHEN number % 7 > 0 THEN created * 1000 + 86400000 + number END,
       CASE number % 11 WHEN 0 THEN '-' WHEN 1 THEN '2001:db8::' || to_hex(number % 65536)
            ELSE '10.' || number % 256 || '.' || number / 256 % 256 || '.' || d END,
       'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', false
FROM population, generate_series(1, 2) AS d WHERE slot >= 50 AND (d = 1 OR number % 10 < 3)
UNION ALL
SELECT mxid, translate(encode(sha256(('x' || hex)::bytea), 'base64'), '=' || chr(10), ''),
       'master signing key', NULL, NULL, NULL, true
FROM population WHERE slot >= 50 AND number % 10 = 4;

INSERT INTO dehydrated_devices (user_id, device_id, device_data)
SELECT mxid, 'DEHYDRATED', '{}' FROM population WHERE slot = 32
UNION ALL
SELECT replace(mxid, '@', '@ghost_'), 'DEHYDRATED', '{}' FROM population WHERE slot = 0;

-- `next` is the number of the successor.
INSERT INTO refresh_tokens (id, user_id, device_id, token, next_token_id)
SELECT block * 1000 + n, CASE WHEN n = 99 THEN replace(mxid, '@', '@ghost_') ELSE mxid END, device_id,
       'syr_' || hex || '_' || n, block * 1000 + next
FROM population JOIN (VALUES
    (2, 1, 'PHONE', NULL::int), (3, 1, 'PHONE', 2), (4, 1, 'PHONE', 3),
    (5, 39, 'DEVICE', NULL), (6, 39, 'DEVICE', 5),
    -- The successor's access token: not used; not known to be used.
    (7, 40, 'DEVICE', NULL), (8, 40, 'DEVICE', 7),
    (9, 40, 'SECOND', NULL), (10, 40, 'SECOND', 9),
    (11, 41, 'DEVICE', NULL),
    (12, 42, 'DEVICE', NULL),
    (13, 43, 'ONE', NULL), (14, 43, 'TWO', NULL),
    -- A pair of a device that is no more, of a hidden one, of a deactivated account, of a bridge's.
    (15, 36, 'GONE', NULL), (16, 36, 'HIDDEN', NULL), (17, 6, 'LEFT', NULL), (18, 9, 'BRIDGE', NULL),
    -- A successor without an access token; one that is another account's.
    (19, 49, 'DEVICE', NULL), (20, 49, 'DEVICE', 19), (21, 49, 'DEVICE', 2),
    (99, 0, 'GHOST', NULL)
) AS refresh (n, slot, device_id, next) USING (slot)
UNION ALL
SELECT 2000000000000 + number, mxid, upper(substr(md5(hex || 2), 1, 10)), 'syr_' || hex || '_cur', NULL
FROM population WHERE slot >= 50 AND number % 10 < 3
UNION ALL
SELECT 1000000000000 + number, mxid, upper(substr(md5(hex || 2), 1, 10)), 'syr_' || hex || '_old',
       2000000000000 + number
FROM population WHERE slot >= 50 AND number % 10 < 3;

-- `refresh` is the number of the refresh token. Times NULL here are those of the account, a little later.
INSERT INTO access_tokens (id, user_id, device_id, token, valid_until_ms, puppets_user_id, last_validated,
                           refresh_token_id, used)
SELECT block * 1000 + n, mxid, device_id, prefix || hex || '_' || n, valid_until, NULL,
       CASE validated WHEN 'null' THEN NULL WHEN 'then' THEN created * 1000 + 3600000 + n ELSE validated::bigint END,
       block * 1000 + refresh, used
FROM population JOIN (VALUES
    (1, 0, 'PHONE', 'syt_', NULL::bigint, 'then', NULL::int, true),
    (2, 0, 'LAPTOP', 'syt_', NULL, 'then', NULL, false),
    (3, 1, 'PHONE', 'syt_', 4000000000000, '1700000003000', 2, true),
    (4, 1, 'PHONE', 'syt_', 4000000000000, '1700000002000', 3, true),
    (5, 1, 'PHONE', 'syt_', 4000000000000, '1700000001000', 4, true),
    (6, 2, 'CONSOLE', 'syt_', NULL, 'then', NULL, true),
    (7, 2, NULL, 'syt_', NULL, 'then', NULL, true),
    (8, 3, 'OLD', 'syt_', NULL, 'null', NULL, NULL),
    (9, 6, 'LEFT', 'syt_', NULL, 'then', NULL, true),
    (10, 8, 'guest_device', 'syt_', NULL, 'then', NULL, true),
    (11, 8, NULL, 'syt_', NULL, 'then', NULL, true),
    (12, 9, 'BRIDGE', 'syt_', NULL, 'then', NULL, true),
    (13, 9, NULL, 'syt_', NULL, 'then', NULL, true),
    (14, 29, 'SHOWN', 'syt_', NULL, 'then', NULL, true),
    (15, 29, 'HIDDEN_NULL', 'syt_', NULL, 'then', NULL, true),
    (16, 32, 'DEHYDRATED', 'syt_', NULL, 'then', NULL, true),
    (17, 32, 'AWAKE', 'syt_', NULL, 'then', NULL, true),
    (18, 33, 'QUIET', 'syt_', NULL, 'null', NULL, false),
    (19, 34, NULL, 'syt_', NULL, 'then', NULL, true),
    (20, 34, NULL, 'syt_', NULL, 'null', NULL, NULL),
    (21, 34, '', 'syt_', NULL, 'then', NULL, true),
    (22, 36, 'GONE', 'syt_', NULL, 'then', NULL, true),
    (23, 36, 'HIDDEN', 'syt_', NULL, 'then', NULL, true),
    (24, 36, 'KEPT', 'syt_', NULL, 'then', NULL, true),
    (25, 37, 'EXPIRED', 'syt_', 1600000000000, 'then', NULL, true),
    (26, 37, 'EXPIRED', 'syt_', 4000000000000, 'then', NULL, true),
    (27, 38, 'FOREIGN', 'not_a_synapse_token_', NULL, 'then', NULL, true),
    (28, 39, 'DEVICE', 'syt_', 4000000000000, '1700000003000', 5, true),
    (29, 39, 'DEVICE', 'syt_', 1700000000000, '1700000002000', 6, true),
    (30, 40, 'DEVICE', 'syt_', 4000000000000, '1700000003000', 7, false),
    (31, 40, 'DEVICE', 'syt_', 4000000000000, '1700000002000', 8, true),
    (32, 40, 'SECOND', 'syt_', 4000000000000, '1700000003000', 9, NULL),
    (33, 40, 'SECOND', 'syt_', 4000000000000, '1700000002000', 10, true),
    (34, 42, 'DEVICE', 'syt_', 4000000000000, '1700000002000', 12, true),
    (35, 42, 'DEVICE', 'syt_', 4000000000000, '1700000003000', 12, false),
    (36, 43, 'TWO', 'syt_', 4000000000000, '1700000002000', 13, true),
    -- Another account's refresh token.
    (37, 0, 'PHONE', 'syt_', 4000000000000, '1700000002000', 14, true),
    (38, 36, 'GONE', 'syt_', 4000000000000, '1700000002000', 15, true),
    (39, 36, 'HIDDEN', 'syt_', 4000000000000, '1700000002000', 16, true),
    (40, 6, 'LEFT', 'syt_', 4000000000000, '1700000002000', 17, true),
    (41, 9, 'BRIDGE', 'syt_', 4000000000000, '1700000002000', 18, true),
    (42, 49, 'DEVICE', 'syt_', 4000000000000, '1700000002000', 20, true),
    (43, 49, 'DEVICE', 'syt_', 4000000000000, '1700000003000', 21, true),
    -- The minimum for a session's start leaves impossible times out.
    (44, 45, 'ZERO', 'syt_', 0, '0', NULL, true),
    (45, 45, 'NEGATIVE', 'syt_', -1, '-1', NULL, true),
    (46, 45, 'ABSURD', 'syt_', 9000000000000000000, '9000000000000000000', NULL, true),
    (47, 45, 'MINIMUM', 'syt_', NULL, '0', NULL, true),
    (48, 45, 'MINIMUM', 'syt_', NULL, '1700000005000', NULL, true),
    (49, 45, 'MINIMUM', 'syt_', NULL, '1700000004000', NULL, true),
    (50, 45, NULL, 'syt_', NULL, '9000000000000000000', NULL, true),
    (51, 47, 'EMPTY', 'syt_', NULL, 'then', NULL, true),
    (52, 5, NULL, 'syt_', NULL, 'then', NULL, true),
    (53, 16, NULL, 'syt_', NULL, 'then', NULL, true)
) AS access (n, slot, device_id, prefix, valid_until, validated, refresh, used) USING (slot)
-- What points at a row of an account that a short last block has not got is left out with it.
WHERE refresh IS NULL OR EXISTS (SELECT FROM refresh_tokens WHERE id = block * 1000 + refresh)
UNION ALL
SELECT block * 1000 + 100, mxid, 'FOREIGN',
       -- What an old Synapse issued: a macaroon, made distinct by its identifier.
       translate(encode(convert_to('0021location ' || current_setting('mapwright.server_name')
                                   || E'\n002didentifier ' || hex || E'\n', 'UTF8'), 'base64'),
                 '+/=' || chr(10), '-_'),
       NULL, NULL, created * 1000 + 3600000, NULL, true
FROM population WHERE slot = 38
UNION ALL
SELECT block * 1000 + 101, '@admin' || CASE block WHEN 0 THEN '' ELSE '_' || block END
                                    || ':' || current_setting('mapwright.server_name'),
       NULL, 'syt_' || hex || '_puppet', 4000000000000, mxid, NULL, NULL, false
FROM population WHERE slot = 35
UNION ALL
SELECT block * 1000 + 102, replace(mxid, '@', '@ghost_'), 'GHOST', 'syt_' || hex || '_ghost', NULL, NULL,
       created * 1000, NULL, true
FROM population WHERE slot = 0
UNION ALL
SELECT block * 1000 + 103, replace(mxid, '@', '@ghost_'), NULL, 'syt_' || hex || '_ghostly', NULL, NULL,
       created * 1000, NULL, true
FROM population WHERE slot = 0
UNION ALL
SELECT block * 1000 + 99, replace(mxid, '@', '@ghost_'), 'GHOST', 'syt_' || hex || '_ghost_pair', 4000000000000,
       NULL, created * 1000, block * 1000 + 99, true
FROM population WHERE slot = 0
UNION ALL
SELECT block * 1000 + 200 + n, mxid, 'DEVICE' || n, 'syt_' || hex || '_many_' || n, NULL, NULL,
       1700000000000 + n, NULL, true
FROM population, generate_series(1, 40) AS n WHERE slot = 48
UNION ALL
SELECT 3000000000000 + number, mxid, upper(substr(md5(hex || 1), 1, 10)), 'syt_' || hex || '_plain', NULL, NULL,
       created * 1000 + 3600000, NULL, true
FROM population WHERE slot >= 50 AND number % 10 < 9
UNION ALL
SELECT 4000000000000 + number, mxid, NULL, 'syt_' || hex || '_lone', NULL, NULL, created * 1000 + 3700000, NULL, true
FROM population WHERE slot >= 50 AND number % 100 = 72
UNION ALL
SELECT 5000000000000 + number, mxid, upper(substr(md5(hex || 2), 1, 10)), 'syt_' || hex || '_old',
       created * 1000 + 300000, NULL, created * 1000 + 100, 1000000000000 + number, true
FROM population WHERE slot >= 50 AND number % 10 < 3
UNION ALL
-- One successor in four has not been used yet.
SELECT 6000000000000 + number, mxid, upper(substr(md5(hex || 2), 1, 10)), 'syt_' || hex || '_cur',
       4000000000000, NULL, created * 1000 + 200, 2000000000000 + number, number % 4 <> 0
FROM population WHERE slot >= 50 AND number % 10 < 3;
