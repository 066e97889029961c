-- $1: names, $2: values. Settings that this server does not know are left out.
SELECT pg_catalog.set_config(s.name, wanted.value, false)
FROM unnest($1::text[], $2::text[]) AS wanted (name, value)
JOIN pg_catalog.pg_settings AS s ON s.name = wanted.name;
