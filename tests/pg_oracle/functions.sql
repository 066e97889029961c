-- What PostgreSQL itself says of arithmetic and calls that can fail: NULL where they do.
CREATE FUNCTION o_add(a bigint, b bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS
$$BEGIN RETURN a + b; EXCEPTION WHEN numeric_value_out_of_range THEN RETURN NULL; END$$;
CREATE FUNCTION o_subtract(a bigint, b bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS
$$BEGIN RETURN a - b; EXCEPTION WHEN numeric_value_out_of_range THEN RETURN NULL; END$$;
CREATE FUNCTION o_times(a bigint, b bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS
$$BEGIN RETURN a * b; EXCEPTION WHEN numeric_value_out_of_range THEN RETURN NULL; END$$;
CREATE FUNCTION o_divide(a bigint, b bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS
$$BEGIN RETURN a / b; EXCEPTION WHEN numeric_value_out_of_range OR division_by_zero THEN RETURN NULL; END$$;
-- PostgreSQL gives 0 for the smallest number modulo -1; the language refuses what it refuses to divide.
CREATE FUNCTION o_remainder(a bigint, b bigint) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT CASE WHEN b = 0 OR (b = -1 AND a = -9223372036854775808) THEN NULL ELSE a % b END$$;
CREATE FUNCTION o_negate(a bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS
$$BEGIN RETURN -a; EXCEPTION WHEN numeric_value_out_of_range THEN RETURN NULL; END$$;
CREATE FUNCTION o_parse_int(t text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS
$$BEGIN
    IF t !~ '^[+-]?[0-9]+$' THEN RETURN NULL; END IF;
    RETURN t::bigint;
EXCEPTION WHEN numeric_value_out_of_range THEN RETURN NULL; END$$;
CREATE FUNCTION o_parse_uuid(t text) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT CASE WHEN t ~ '^([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$' THEN t::uuid END$$;
CREATE FUNCTION o_before(t text, mark text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT CASE WHEN strpos(t, mark) > 0 THEN left(t, strpos(t, mark) - 1) END$$;
CREATE FUNCTION o_after(t text, mark text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT CASE WHEN strpos(t, mark) > 0 THEN substr(t, strpos(t, mark) + length(mark)) END$$;
CREATE FUNCTION o_substring(t text, start bigint, count bigint) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT CASE WHEN start >= 0 AND count >= 0 THEN
    CASE WHEN start >= length(t) THEN '' ELSE substr(t, start::int + 1, least(count, length(t))::int) END END$$;
-- Moments are microseconds since 1970.
CREATE FUNCTION o_moment(units bigint, scale numeric) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT CASE WHEN units > 0 AND units * scale < extract(epoch FROM timestamptz '2101-01-01 00:00:00+00') * 1000000
    THEN (units * scale)::bigint END$$;
CREATE FUNCTION o_unix(micros bigint, scale numeric) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT floor(micros / scale)::bigint$$;
CREATE FUNCTION o_part(kind "char", bytes bytea) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT convert_to(kind::text, 'UTF8') || int8send(length(bytes)) || bytes$$;
CREATE FUNCTION o_ulid(target text, micros bigint, keys bytea) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT CASE WHEN micros >= 0 AND o_unix(micros, 1000) < 281474976710656 THEN
    encode(substring(int8send(o_unix(micros, 1000)) FROM 3) || substring(sha256(
        convert_to('mapwright ulid 1', 'UTF8') || o_part('n', convert_to(target, 'UTF8')) || keys
    ) FROM 1 FOR 10), 'hex')::uuid END$$;
