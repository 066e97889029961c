-- The accounts, and the temporary table `population` from which all other rows are derived.
-- Settings of the transaction: mapwright.users, mapwright.server_name, mapwright.hash_<named account>.
--
-- Of each thousand accounts the first fifty have a peculiarity each, the others are ordinary. The
-- peculiar ones are named after what they show; from the second thousand on a number follows.
INSERT INTO schema_version (lock, version, upgraded) VALUES ('X', 94, false) ON CONFLICT DO NOTHING;

CREATE TEMP TABLE peculiar (slot int PRIMARY KEY, localpart text NOT NULL) ON COMMIT DROP;
INSERT INTO peculiar VALUES
    (0, 'alice'), (1, 'bob'), (2, 'admin'), (3, 'OldTimer'), (4, 'oldtimer'),
    (5, 'locked'), (6, 'deactivated'), (7, 'locked_and_deactivated'), (8, 'guest'),
    (9, 'bridge_user'), (10, 'irc_net:channel'),
    (11, 'created_null'), (12, 'created_zero'), (13, 'created_negative'), (14, 'created_in_ms'),
    (15, 'created_absurd'), (16, 'unapproved'), (17, 'suspended'), (18, 'shadow_banned'),
    (19, 'expired_account'), (20, 'empty_hash'), (21, 'ldap_hash'), (22, 'crossed_out_hash'),
    (23, 'hash_2a'), (24, 'hash_2y'), (25, 'same_mailbox'), (26, 'long_mailbox'), (27, 'phones'),
    (28, 'many_links'), (29, 'hidden_devices'), (30, 'odd_addresses'), (31, 'null_columns'),
    (32, 'dehydrated'), (33, 'never_validated'), (34, 'deviceless'), (35, 'puppet'),
    (36, 'vanished_devices'), (37, 'expired_tokens'), (38, 'foreign_tokens'), (39, 'superseded'),
    (40, 'unused_successor'), (41, 'lone_refresh'), (42, 'twin_access'), (43, 'mismatched_pair'),
    (44, 'odd_text'), (45, 'impossible_times'), (46, 'no_way_in'), (47, 'empty_strings'),
    (48, 'many_devices'), (49, 'odd_successors');

CREATE TEMP TABLE population ON COMMIT DROP AS
SELECT number, slot, number / 1000 AS block,
       '@' || coalesce(localpart || CASE WHEN number < 1000 THEN '' ELSE '_' || number / 1000 END,
                       'user' || number)
           || ':' || current_setting('mapwright.server_name') AS mxid,
       md5('mapwright' || number) AS hex,
       1500000000 + (number * 7919) % 250000000 AS created
FROM generate_series(0, current_setting('mapwright.users')::bigint - 1) AS number
     CROSS JOIN LATERAL (SELECT (number % 1000)::int AS slot) AS of_thousand
     LEFT JOIN peculiar USING (slot);
CREATE INDEX ON population (slot);
ANALYZE population;

INSERT INTO users (name, password_hash, creation_ts, admin, is_guest, appservice_id, deactivated,
                   shadow_banned, approved, locked, suspended)
SELECT mxid,
       CASE
           WHEN slot < 3 THEN current_setting('mapwright.hash_' || localpart)
           WHEN slot IN (6, 7, 8, 9, 10, 28, 46) THEN NULL
           WHEN slot = 20 THEN ''
           WHEN slot = 21 THEN '{SSHA}' || encode(sha256(hex::bytea), 'base64')
           WHEN slot = 22 THEN 'x' || bcrypt
           WHEN slot = 23 THEN '$2a' || substr(bcrypt, 4)
           WHEN slot = 24 THEN '$2y' || substr(bcrypt, 4)
           WHEN slot < 50 OR number % 10 < 6 THEN bcrypt
       END,
       CASE slot
           WHEN 11 THEN NULL WHEN 12 THEN 0 WHEN 13 THEN -created WHEN 14 THEN created * 1000
           WHEN 15 THEN 9000000000000000000 ELSE created
       END,
       (slot = 2)::int, (slot = 8)::int, CASE WHEN slot IN (9, 10) THEN 'bridge' END,
       (slot IN (6, 7))::int, CASE WHEN slot = 18 THEN true WHEN slot % 2 = 0 THEN false END,
       CASE WHEN slot = 16 THEN false WHEN slot % 3 > 0 THEN true END,
       slot IN (5, 7), slot = 17
FROM (SELECT population.*, peculiar.localpart,
             '$2b$12$' || substr(translate(encode(sha256(hex::bytea) || sha256(('p' || hex)::bytea),
                                                  'base64'), '+=' || chr(10), '..'), 1, 53) AS bcrypt
      FROM population LEFT JOIN peculiar USING (slot)) AS person;

-- Very old databases hold accounts without a name.
INSERT INTO users (name, creation_ts) SELECT NULL, created FROM population WHERE slot = 0;

INSERT INTO account_validity (user_id, expiration_ts_ms, email_sent)
SELECT mxid, CASE slot WHEN 19 THEN 1600000000000 ELSE 4000000000000 END, slot = 19
FROM population WHERE slot IN (0, 19)
UNION ALL
SELECT replace(mxid, '@', '@ghost_'), 1600000000000, true FROM population WHERE slot = 0;
