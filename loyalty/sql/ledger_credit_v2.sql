-- ledger_credit_v2(...): one entry that gives points, stamps or neither, as ledger_post_v1 writes it, in one statement.
--
-- For what a till does all day. Whatever is not as simple as that is not done here: no number is given back, nothing
-- has moved, and ledger_post_v1 says why, or does it. So it is where the member is not there, or inactive where that
-- matters, where the key came before, and where the member's lifetime points would reach `p_below`. With `p_card`
-- neither where the member, who was read without a lock, carries another card by now, or was warned of a lower tier.
--
-- One statement sees one snapshot. The member's row is the newest all the same: an UPDATE that waited looks at it
-- again. The keys are as they were before the wait, and one that was posted meanwhile is a violation of
-- one_entry_a_key. Whoever calls has locked the member before, or is ready to ask ledger_post_v1 then.
CREATE OR REPLACE FUNCTION ledger_credit_v2(
    p_id uuid, p_merchant uuid, p_member uuid, p_type text, p_points bigint, p_stamps integer, p_key text,
    p_fingerprint bytea, p_moves_lifetime boolean, p_below bigint, p_is_activity boolean, p_needs_active boolean,
    p_store uuid, p_actor uuid, p_reference text, p_run uuid, p_answers uuid, p_description text, p_metadata jsonb,
    p_occurred_at timestamptz, p_news text, p_backfill boolean, p_card text,
    OUT number integer, OUT points_balance bigint, OUT points_held bigint, OUT stamp_count integer,
    OUT lifetime_delta bigint, OUT lifetime_points bigint, OUT written_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
-- A plan that was cached while the tables were small would read them through, for as long as the session lasts.
SET enable_seqscan = off
AS $$
#variable_conflict use_column
BEGIN
    -- Under a snapshot older than our locks we would decide on keys that are no longer all.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the ledger posts under READ COMMITTED alone';
    ELSIF p_type IS NULL OR p_points < 0 OR p_stamps < 0 THEN
        RAISE EXCEPTION 'a credit has a type and takes nothing';
    END IF;
    lifetime_delta := CASE WHEN p_moves_lifetime THEN p_points ELSE 0 END;
    WITH moved AS (
        UPDATE loyalty_members m SET
            points_balance = m.points_balance + p_points,
            lifetime_points = m.lifetime_points + lifetime_delta,
            stamp_count = m.stamp_count + p_stamps,
            last_number = m.last_number + 1,
            last_activity_at = CASE
                WHEN p_is_activity THEN greatest(m.last_activity_at, p_occurred_at) ELSE m.last_activity_at END
          WHERE m.id = p_member AND m.merchant_id = p_merchant AND (m.is_active OR NOT p_needs_active)
            AND (p_below IS NULL OR m.lifetime_points + lifetime_delta < p_below)
            AND (p_card IS NULL OR m.card_number = p_card AND m.tier_warned_at IS NULL)
            AND NOT EXISTS (
                SELECT FROM loyalty_ledger_entries e WHERE e.merchant_id = p_merchant AND e.key = p_key)
          RETURNING m.last_number, m.points_balance, m.points_held, m.stamp_count, m.lifetime_points
    ), entry AS (
        INSERT INTO loyalty_ledger_entries (
            id, merchant_id, member_id, number, type, points_delta, points_balance_after, stamps_delta,
            stamps_balance_after, lifetime_delta, store_id, actor_id, order_reference, run_id, answers_id, key,
            fingerprint, description, metadata, occurred_at, created_at)
        SELECT p_id, p_merchant, p_member, moved.last_number, p_type, p_points, moved.points_balance, p_stamps,
            moved.stamp_count, lifetime_delta, p_store, p_actor, p_reference, p_run, p_answers, p_key,
            p_fingerprint, p_description, nullif(p_metadata, 'null'), p_occurred_at, now()
          FROM moved
    ), news AS (
        INSERT INTO outbox_events (id, kind, merchant_id, facts, backfill)
        SELECT p_id, p_news, p_merchant,
            jsonb_build_object(
                'merchant_id', p_merchant, 'member_id', p_member, 'occurred_at', p_occurred_at,
                'entry_id', p_id, 'type', p_type, 'points', p_points,
                'points_balance', moved.points_balance, 'stamps', p_stamps,
                'stamp_count', moved.stamp_count, 'requested', NULL,
                'store_id', p_store, 'order_reference', p_reference,
                'run_id', p_run, 'answers_id', p_answers),
            p_backfill
          FROM moved WHERE p_news IS NOT NULL
    )
    SELECT moved.last_number, moved.points_balance, moved.points_held, moved.stamp_count, moved.lifetime_points
      INTO number, points_balance, points_held, stamp_count, lifetime_points
      FROM moved;
    written_at := now();
END
$$;
