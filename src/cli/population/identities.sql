-- Third-party IDs and links, after accounts.sql.
INSERT INTO user_threepids (user_id, medium, address, validated_at, added_at)
SELECT mxid, medium,
       replace(replace(address, '%n', CASE block WHEN 0 THEN '' ELSE block::text END),
               '%long', repeat('very.long.', 30)),
       created * 1000 + 60000, coalesce(added_at, created * 1000 + 65432)
FROM population JOIN (VALUES
    (0, 'email', 'alice%n@example.org', NULL::bigint),
    (1, 'email', 'bob%n@example.org', NULL),
    (1, 'email', 'bob%n@work.example', NULL),
    (6, 'email', 'deactivated%n@example.org', NULL),
    (8, 'email', 'guest%n@example.org', NULL),
    (9, 'email', 'bridge%n@example.org', NULL),
    (25, 'email', 'Alice%n@Example.org', NULL),
    (26, 'email', '%long%n@example.org', NULL),
    (27, 'msisdn', '44770090%n', NULL),
    (27, 'fax', '44770091%n', NULL),
    (45, 'email', 'added_zero%n@example.org', 0),
    (45, 'email', 'added_negative%n@example.org', -1),
    (45, 'email', 'added_absurd%n@example.org', 9000000000000000000),
    (45, 'msisdn', '44770092%n', 9000000000000000000)
) AS threepid (slot, medium, address, added_at) USING (slot)
UNION ALL
SELECT replace(mxid, '@', '@ghost_'), 'email', 'ghost' || block || '@example.org', 1, created * 1000
FROM population WHERE slot = 0
UNION ALL
SELECT mxid, 'email', 'user' || number || '@mail' || number % 40 || '.example',
       created * 1000 + 60000, created * 1000 + 65432
FROM population WHERE slot >= 50 AND number % 10 < 6
UNION ALL
SELECT mxid, 'msisdn', (447000000000 + number)::text, created * 1000 + 60000, created * 1000 + 75432
FROM population WHERE slot >= 50 AND number % 20 = 1;

INSERT INTO user_external_ids (auth_provider, external_id, user_id)
SELECT auth_provider, subject || '-' || block, mxid
FROM population JOIN (VALUES
    (6, 'oidc-dex', 'deactivated'), (9, 'oidc-dex', 'bridge'),
    (28, 'oidc-dex', 'one'), (28, 'oidc-dex', 'two'), (28, 'oidc-keycloak', 'one'), (28, 'oidc', 'one')
) AS link (slot, auth_provider, subject) USING (slot)
UNION ALL
SELECT 'oidc-dex', 'ghost-' || block, replace(mxid, '@', '@ghost_') FROM population WHERE slot = 0
UNION ALL
SELECT CASE WHEN number % 2 = 0 THEN 'oidc-dex' ELSE 'oidc-keycloak' END, hex, mxid
FROM population WHERE slot >= 50 AND number % 10 >= 7;
