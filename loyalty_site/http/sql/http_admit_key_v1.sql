-- http_admit_key_v1(digest, limit): who calls with this key, and how often this minute, in one round trip. No row for
-- a key that is unknown, revoked or expired. `last_used_at` is written at most once a minute.
CREATE OR REPLACE FUNCTION http_admit_key_v1(p_digest bytea, p_limit integer)
RETURNS TABLE (
    key_id uuid, merchant_id uuid, merchant_slug text, merchant_name text, store_id uuid, store_name text,
    scopes text[], calls integer, resets_in integer
)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    known record;
    counted record;
BEGIN
    SELECT k.id, k.merchant_id, m.slug, m.name AS merchant_name, k.store_id, s.name AS store_name, k.scopes,
           k.last_used_at
      INTO known
      FROM api_keys k
      JOIN merchants m ON m.id = k.merchant_id AND m.is_active
      LEFT JOIN stores s ON s.id = k.store_id
      WHERE k.digest = p_digest AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
        AND (k.store_id IS NULL OR s.is_active);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- A store is limited as a whole, however many keys its tills have.
    SELECT * INTO counted FROM http_count_v1(
        CASE WHEN known.store_id IS NULL THEN 'key:' || known.id ELSE 'store:' || known.store_id END, p_limit);
    IF known.last_used_at IS NULL OR known.last_used_at < now() - interval '1 minute' THEN
        UPDATE api_keys k SET last_used_at = now() WHERE k.id = known.id;
    END IF;
    RETURN QUERY SELECT known.id, known.merchant_id, known.slug::text, known.merchant_name::text, known.store_id,
        known.store_name::text, known.scopes::text[], counted.calls, counted.resets_in;
END
$$;
