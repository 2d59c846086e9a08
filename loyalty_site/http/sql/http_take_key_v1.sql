-- http_take_key_v1(credential, key): take an Idempotency-Key for this transaction and find the answer given before.
-- The lock is tried, not waited for: taken = false where another call with it is running. The answer is looked for in
-- a statement of its own, on a snapshot newer than the lock: in one statement with it, it could be older than the
-- commit that let the lock go.
CREATE OR REPLACE FUNCTION http_take_key_v1(
    p_credential text, p_key text, OUT taken boolean, OUT fingerprint bytea, OUT status smallint, OUT body text
)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp
-- A plan that was cached while there were few answers would read them all, for as long as the session lasts.
SET enable_seqscan = off
AS $$
BEGIN
    taken := pg_try_advisory_xact_lock(hashtextextended(p_credential || E'\n' || p_key, 20260101));
    IF taken THEN
        SELECT a.fingerprint, a.status, a.body INTO fingerprint, status, body
          FROM idempotent_answers a WHERE a.credential = p_credential AND a.key = p_key;
    END IF;
END
$$;
