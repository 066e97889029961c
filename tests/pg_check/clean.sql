-- A Synapse of which nothing is to be said: each account can be migrated and sign in afterwards.
INSERT INTO schema_version (lock, version, upgraded) VALUES ('X', 94, false) ON CONFLICT DO NOTHING;

INSERT INTO users (name, password_hash, creation_ts, appservice_id, deactivated) VALUES
    ('@ada:demo.example', '$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW', 1600000000, NULL, 0),
    ('@bob:demo.example', NULL, 1600000000, NULL, 0),
    ('@carol:demo.example', NULL, 1600000000, NULL, 1),
    ('@bridge:demo.example', NULL, 1600000000, 'irc', 0);

INSERT INTO user_threepids (user_id, medium, address, validated_at, added_at) VALUES
    ('@ada:demo.example', 'email', 'ada@mail.example', 1, 1600000000000);

INSERT INTO user_external_ids (auth_provider, external_id, user_id) VALUES
    ('oidc-dex', 'bob-at-dex', '@bob:demo.example');

INSERT INTO devices (user_id, device_id, display_name, last_seen, ip, user_agent, hidden) VALUES
    ('@ada:demo.example', 'ADA', 'phone', 1750000000000, '192.0.2.1', 'client', false),
    ('@bob:demo.example', 'BOB', 'laptop', 1750000000000, '-', 'client', false);

INSERT INTO refresh_tokens (id, user_id, device_id, token) VALUES
    (1, '@bob:demo.example', 'BOB', 'syr_0bob');

INSERT INTO access_tokens (id, user_id, device_id, token, last_validated, refresh_token_id, used) VALUES
    (1, '@ada:demo.example', 'ADA', 'syt_0ada', 1750000000000, NULL, false),
    (2, '@bob:demo.example', 'BOB', 'syt_0bob', 1750000000000, 1, false);
