-- Rows that no migration may pass over, after accounts.sql.
INSERT INTO users (name, creation_ts) VALUES
    ('@stranger:another.example', 1600000000),
    ('no_sigil', 1600000000),
    ('@no_server', 1600000000);
INSERT INTO user_external_ids (auth_provider, external_id, user_id)
SELECT auth_provider, 'blocking', mxid
FROM population, (VALUES ('oidc-nobody-knows'), ('oauth-delegated')) AS provider (auth_provider)
WHERE number = 0;
