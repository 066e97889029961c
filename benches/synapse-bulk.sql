-- Fills a Synapse-shaped database with N accounts as a large, tidy server has them, for benchmarks.
--   psql -v users=200000 -v server=example.com -d synapse -f benches/synapse-bulk.sql
-- The same `users` gives the same rows; rows that are there already are kept.
--
-- Of N accounts: 2% of an application service, 3% deactivated, 1% guests, 0.1% locked, 60% with a
-- password. 0.6 N e-mails, 0.05 N phone numbers, 0.3 N links over two providers, 1.3 N devices (one
-- account in ten also has a hidden one), 0.9 N plain access tokens, 0.3 N current refreshable pairs and
-- as many superseded ones, 0.01 N tokens without a device, 0.005 N puppets' tokens.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL synchronous_commit = off;
INSERT INTO schema_version (lock, version, upgraded) VALUES ('X', 94, false) ON CONFLICT DO NOTHING;
CREATE TEMP TABLE population ON COMMIT DROP AS
SELECT i, '@user' || i || ':' || :'server' AS mxid, md5('u' || i) AS h,
       1500000000 + (i::bigint * 7919) % 250000000 AS created
FROM generate_series(1, :users) AS i;

INSERT INTO users (name, password_hash, creation_ts, admin, is_guest, appservice_id, deactivated, locked, approved)
SELECT mxid,
       CASE WHEN i % 10 < 6 THEN
           '$2b$12$' || substr(translate(encode(sha256(h::bytea) || sha256(('p' || h)::bytea), 'base64'),
                                         '+=' || chr(10), '..'), 1, 53) END,
       created, (i % 1000 = 7)::int, (i % 100 = 13)::int,
       CASE WHEN i % 50 = 3 THEN 'bridge' END, (i % 33 = 5)::int, i % 1000 = 9, true
FROM population ON CONFLICT DO NOTHING;

INSERT INTO user_threepids (user_id, medium, address, validated_at, added_at)
SELECT mxid, 'email', 'user' || i || '@mail' || i % 40 || '.example', created * 1000 + 60000, created * 1000 + 65432
FROM population WHERE i % 10 < 6
UNION ALL
SELECT mxid, 'msisdn', (447000000000 + i)::text, created * 1000 + 60000, created * 1000 + 75432
FROM population WHERE i % 20 = 1 ON CONFLICT DO NOTHING;

INSERT INTO user_external_ids (auth_provider, external_id, user_id)
SELECT CASE WHEN i % 2 = 0 THEN 'oidc-dex' ELSE 'oidc-keycloak' END, h, mxid FROM population WHERE i % 10 >= 7
ON CONFLICT DO NOTHING;

INSERT INTO devices (user_id, device_id, display_name, last_seen, ip, user_agent, hidden)
SELECT mxid, upper(substr(md5(h || d), 1, 10)),
       CASE WHEN i % 3 = 0 THEN 'Element Web: Firefox on Linux ' || i ELSE 'Element X Android' END,
       CASE WHEN i % 7 > 0 THEN created * 1000 + 86400000 + i END,
       CASE i % 11 WHEN 0 THEN '-' WHEN 1 THEN '2001:db8::' || to_hex(i % 65536)
            ELSE '10.' || i % 256 || '.' || i / 256 % 256 || '.' || d END,
       'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', false
FROM population, generate_series(1, 2) AS d WHERE d = 1 OR i % 10 < 3
UNION ALL
SELECT mxid, translate(encode(sha256(('x' || h)::bytea), 'base64'), '=' || chr(10), ''), 'master signing key',
       NULL, NULL, NULL, true
FROM population WHERE i % 10 = 4
ON CONFLICT DO NOTHING;

-- Plain tokens on the first device of nine accounts in ten.
INSERT INTO access_tokens (id, user_id, device_id, token, valid_until_ms, last_validated, used)
SELECT 10000000000 + i, mxid, upper(substr(md5(h || 1), 1, 10)), 'syt_' || h || '_plain', NULL,
       created * 1000 + 3600000, true
FROM population WHERE i % 10 < 9
ON CONFLICT DO NOTHING;
-- Tokens without a device, and puppets'.
INSERT INTO access_tokens (id, user_id, device_id, token, valid_until_ms, puppets_user_id, last_validated, used)
SELECT 20000000000 + i, mxid, NULL, 'syt_' || h || '_nodev', NULL, NULL, created * 1000 + 3700000, true
FROM population WHERE i % 100 = 2
UNION ALL
SELECT 30000000000 + i, mxid, NULL, 'syt_' || h || '_puppet', created * 1000 + 9999999, '@user1:' || :'server',
       NULL, false
FROM population WHERE i % 200 = 2
ON CONFLICT DO NOTHING;
-- Refreshable sessions on the second device of three accounts in ten: a superseded pair and the current one.
INSERT INTO refresh_tokens (id, user_id, device_id, token, next_token_id)
SELECT 2000000000 + i, mxid, upper(substr(md5(h || 2), 1, 10)), 'syr_' || h || '_cur', NULL
FROM population WHERE i % 10 < 3
ON CONFLICT DO NOTHING;
INSERT INTO refresh_tokens (id, user_id, device_id, token, next_token_id)
SELECT 1000000000 + i, mxid, upper(substr(md5(h || 2), 1, 10)), 'syr_' || h || '_old', 2000000000 + i
FROM population WHERE i % 10 < 3
ON CONFLICT DO NOTHING;
INSERT INTO access_tokens (id, user_id, device_id, token, valid_until_ms, last_validated, refresh_token_id, used)
SELECT 40000000000 + i, mxid, upper(substr(md5(h || 2), 1, 10)), 'syt_' || h || '_old', created * 1000 + 300000,
       created * 1000 + 100, 1000000000 + i, true
FROM population WHERE i % 10 < 3
UNION ALL
-- One current token in four has not been used yet, so that the superseded pair is alive, too.
SELECT 50000000000 + i, mxid, upper(substr(md5(h || 2), 1, 10)), 'syt_' || h || '_cur', created * 1000 + 600000,
       created * 1000 + 200, 2000000000 + i, i % 4 <> 0
FROM population WHERE i % 10 < 3
ON CONFLICT DO NOTHING;
COMMIT;
ANALYZE;
