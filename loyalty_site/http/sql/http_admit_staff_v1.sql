-- http_admit_staff_v1(digest, user, limit): who calls with this staff token, or in this user's session, with every role
-- of theirs, and how often this minute, in one round trip. No row for a token that is unknown, revoked or expired, nor
-- for a user who may not sign in. `last_used_at` is written at most once a minute.
CREATE OR REPLACE FUNCTION http_admit_staff_v1(p_digest bytea, p_user uuid, p_limit integer)
RETURNS TABLE (
    user_id uuid, email text, name text, password text, is_superuser boolean, roles text, calls integer,
    resets_in integer
)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    token record;
    known record;
    counted record;
BEGIN
    IF p_digest IS NOT NULL THEN
        SELECT t.id, t.user_id, t.last_used_at INTO token
          FROM staff_tokens t WHERE t.digest = p_digest AND t.revoked_at IS NULL AND t.expires_at > now();
        IF NOT FOUND THEN
            RETURN;
        END IF;
        p_user := token.user_id;
    END IF;
    SELECT u.id, u.email, u.name, u.password, u.is_superuser,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(r.role, r.merchant_id, r.store_id)), '[]')
              FROM staff_roles r WHERE r.user_id = u.id) AS roles
      INTO known
      FROM users u WHERE u.id = p_user AND u.is_active AND u.is_staff;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT * INTO counted FROM http_count_v1('staff:' || known.id, p_limit);
    -- In two steps: a record that nothing was read into may not even be named.
    IF p_digest IS NOT NULL THEN
        IF token.last_used_at IS NULL OR token.last_used_at < now() - interval '1 minute' THEN
            UPDATE staff_tokens t SET last_used_at = now() WHERE t.id = token.id;
        END IF;
    END IF;
    RETURN QUERY SELECT known.id, known.email::text, known.name::text, known.password::text, known.is_superuser,
        known.roles::text, counted.calls, counted.resets_in;
END
$$;
