-- ledger_post_set_v1(at, postings): ledger_post_v1 for mass runs. No member twice in a batch; then what each posting
-- meets does not depend on the others, and the whole batch is one statement behind the same lock. It answers with the
-- same rows and refuses with the same codes.
CREATE OR REPLACE FUNCTION ledger_post_set_v1(p_at timestamptz, p_postings jsonb)
RETURNS TABLE (
    ord bigint, outcome text, entry_id uuid, number integer, points_delta bigint, points_balance bigint,
    points_held bigint, stamps_delta integer, stamp_count integer, lifetime_delta bigint, lifetime_points bigint,
    requested bigint, written_at timestamptz, xact xid8
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
-- The planner knows nothing of a JSON argument's rows; these forms stay linear whatever it guesses.
SET enable_seqscan = off SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    asked integer := jsonb_array_length(p_postings);
    locked integer;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the ledger posts under READ COMMITTED alone';
    END IF;

    -- 1. Lock the members, in id order, whoever else is posting. Only then look.
    PERFORM 1 FROM loyalty_members m
      WHERE m.id = ANY (ARRAY(SELECT (element ->> 'member_id')::uuid FROM jsonb_array_elements(p_postings) element))
      ORDER BY m.id
      FOR NO KEY UPDATE;
    GET DIAGNOSTICS locked = ROW_COUNT;
    IF locked <> asked THEN
        RAISE EXCEPTION 'a posting names no member, or a member stands twice in a set';
    END IF;

    -- Several keys are claimed in one order: see ledger_post_v1.
    PERFORM pg_advisory_xact_lock(slot.merchant, slot.key) FROM (
        SELECT DISTINCT hashtext(m.merchant_id::text) AS merchant, hashtext(element ->> 'key') & 63 AS key
          FROM jsonb_array_elements(p_postings) element
          JOIN loyalty_members m ON m.id = (element ->> 'member_id')::uuid
          WHERE element ? 'key'
          ORDER BY 1, 2) slot;

    -- 2. Decide, once, and refuse the first posting, in order, that cannot be granted: then nothing has moved.
    RETURN QUERY
    WITH decided AS MATERIALIZED (
        SELECT d.*, CASE WHEN d.refusal IS NOT NULL THEN
                   ledger_refuse_v1(d.refusal, d.ord, d.available, d.room, d.stamp_count, d.key) END
          FROM (SELECT * FROM ledger_decide_set_v1(p_at, p_postings) decision ORDER BY decision.ord) d
    ),
    moving AS MATERIALIZED (
        SELECT * FROM decided WHERE decided.outcome IN ('created', 'moved')
    ),
    -- 3. Move the members.
    member AS (
        UPDATE loyalty_members m SET
            points_balance = m.points_balance + d.moved,
            points_held = m.points_held + d.held,
            lifetime_points = m.lifetime_points + d.lifetime,
            stamp_count = m.stamp_count + d.stamps,
            last_number = m.last_number + CASE WHEN d.type IS NULL THEN 0 ELSE 1 END,
            last_activity_at = CASE
                WHEN d.is_activity THEN greatest(m.last_activity_at, d.happened) ELSE m.last_activity_at END
          FROM moving d
          WHERE m.id = d.member_id
    ),
    -- 4. Write the entries.
    entry AS (
        INSERT INTO loyalty_ledger_entries (
            id, merchant_id, member_id, number, type, points_delta, points_balance_after, stamps_delta,
            stamps_balance_after, lifetime_delta, requested, store_id, actor_id, order_reference, run_id,
            answers_id, key, fingerprint, description, metadata, occurred_at, created_at
        )
        SELECT d.id, d.merchant_id, d.member_id, d.last_number + 1, d.type, d.moved, d.points_balance + d.moved,
               d.stamps, d.stamp_count + d.stamps, d.lifetime, d.requested, d.store_id, d.actor_id,
               d.order_reference, d.run_id, d.answers_id, d.key, d.fingerprint, d.description, d.metadata,
               d.happened, now()
          FROM moving d
          WHERE d.type IS NOT NULL
    ),
    -- 5. Lots. What leaves is taken soonest date first, undated points last ...
    open_lot AS (
        SELECT l.id, d.id AS entry_id, d.type, -d.moved AS wanted, l.points - l.consumed AS remaining,
               sum(l.points - l.consumed) OVER (
                   PARTITION BY l.member_id ORDER BY l.expires_at, l.number
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
          FROM moving d
          JOIN loyalty_point_expirations l ON l.member_id = d.member_id AND l.status = 'scheduled'
          WHERE d.moved < 0 AND d.type IS NOT NULL
    ),
    -- ... and what comes back goes into the lots it was taken from.
    taken_lot AS (
        SELECT l.id, d.id AS entry_id, d.moved AS wanted, taken.points AS remaining, d.reopens_until,
               sum(taken.points) OVER (
                   PARTITION BY d.ord ORDER BY l.expires_at, l.number
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
          FROM moving d
          CROSS JOIN LATERAL (
              SELECT a.lot_id, sum(a.points)::bigint AS points FROM loyalty_lot_allocations a
                WHERE a.entry_id IN (
                    SELECT d.answers_id
                    UNION ALL
                    SELECT e.id FROM loyalty_ledger_entries e
                      WHERE e.answers_id = d.answers_id AND e.member_id = d.member_id)
                GROUP BY a.lot_id
                HAVING sum(a.points) > 0) taken
          JOIN loyalty_point_expirations l ON l.id = taken.lot_id
          WHERE d.gives_back
    ),
    share AS MATERIALIZED (
        SELECT o.id, o.entry_id, o.type, least(o.remaining, o.wanted - coalesce(o.before, 0))::bigint AS points,
               o.remaining, NULL::timestamptz AS reopens_until
          FROM open_lot o
          WHERE coalesce(o.before, 0) < o.wanted
        UNION ALL
        SELECT t.id, t.entry_id, NULL, -least(t.remaining, t.wanted - coalesce(t.before, 0))::bigint,
               t.remaining, t.reopens_until
          FROM taken_lot t
          WHERE coalesce(t.before, 0) < t.wanted
    ),
    lot AS (
        UPDATE loyalty_point_expirations l SET
            consumed = l.consumed + s.points,
            status = CASE
                WHEN s.points < s.remaining THEN 'scheduled'
                WHEN s.type = 'points_expired' THEN 'expired'
                WHEN s.type IN ('undo', 'refund') THEN 'cancelled'
                ELSE 'consumed' END,
            warned_at = CASE WHEN s.reopens_until > l.expires_at THEN NULL ELSE l.warned_at END,
            expires_at = greatest(l.expires_at, s.reopens_until)
          FROM share s
          WHERE l.id = s.id
    ),
    allocation AS (
        INSERT INTO loyalty_lot_allocations (entry_id, lot_id, points)
        SELECT s.entry_id, s.id, s.points FROM share s
    ),
    -- What arrives under a date of its own becomes a lot.
    new_lot AS (
        INSERT INTO loyalty_point_expirations (
            id, merchant_id, member_id, number, points, consumed, expires_at, status
        )
        SELECT d.id, d.merchant_id, d.member_id, d.last_number + 1, d.moved, 0, d.expires_at, 'scheduled'
          FROM moving d
          WHERE d.moved > 0 AND NOT d.gives_back AND d.expires_at IS NOT NULL AND d.type IS NOT NULL
    )
    SELECT d.ord, d.outcome, d.entry_id, d.number, d.moved, d.points_balance + d.applied, d.points_held + d.let,
           d.stamps, d.stamp_count + d.stamped, d.lifetime, d.lifetime_points + d.raised, d.requested,
           now(), pg_current_xact_id()
      FROM (
        SELECT decided.*,
               CASE WHEN decided.outcome IN ('created', 'moved') THEN decided.moved ELSE 0 END AS applied,
               CASE WHEN decided.outcome IN ('created', 'moved') THEN decided.held ELSE 0 END AS let,
               CASE WHEN decided.outcome IN ('created', 'moved') THEN decided.stamps ELSE 0 END AS stamped,
               CASE WHEN decided.outcome IN ('created', 'moved') THEN decided.lifetime ELSE 0 END AS raised
          FROM decided) d
      ORDER BY d.ord;
END
$$;
