-- Where Synapse keeps a token: the table, the row's number, the account.
SELECT 'access_tokens', id::text, user_id FROM {access_tokens} WHERE token = $1::text
UNION ALL
SELECT 'refresh_tokens', id::text, user_id FROM {refresh_tokens} WHERE token = $1::text
