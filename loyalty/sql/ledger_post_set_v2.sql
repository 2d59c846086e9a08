-- ledger_post_set_v2(at, postings): ledger_post_v1 for mass runs. No member twice in a batch; then what each posting
-- meets does not depend on the others, and the whole batch is one statement behind the same lock. Each row says what
-- became of one posting, as ledger_post_v1 does, and what its entry says besides. It refuses with the same codes.
--
-- The postings are typed: as JSON, each would be built, parsed and looked through again, at half the cost of posting it.
CREATE OR REPLACE FUNCTION ledger_post_set_v2(p_at timestamptz, p_postings ledger_posting_v1[])
RETURNS TABLE (
    ord bigint, outcome text, entry_id uuid, number integer, points_delta bigint, points_balance bigint,
    points_held bigint, stamps_delta integer, stamp_count integer, lifetime_delta bigint, lifetime_points bigint,
    requested bigint, written_at timestamptz, xact xid8, merchant_id uuid, member_id uuid, type text,
    occurred_at timestamptz, store_id uuid, order_reference text, run_id uuid, answers_id uuid, metadata jsonb
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
-- The planner knows nothing of an array argument's rows; these forms stay linear whatever it guesses.
SET enable_seqscan = off SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    locked integer;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the ledger posts under READ COMMITTED alone';
    END IF;

    -- 1. Lock the members, in id order, whoever else is posting. Only then look.
    PERFORM 1 FROM loyalty_members m
      WHERE m.id = ANY (ARRAY(SELECT posting.member_id FROM unnest(p_postings) posting))
      ORDER BY m.id
      FOR NO KEY UPDATE;
    GET DIAGNOSTICS locked = ROW_COUNT;
    IF locked IS DISTINCT FROM cardinality(p_postings) THEN
        RAISE EXCEPTION 'a posting names no member, or a member stands twice in a set';
    END IF;

    -- Several keys are claimed in one order: see ledger_post_v1.
    PERFORM pg_advisory_xact_lock(slot.merchant, slot.key) FROM (
        SELECT DISTINCT hashtext(m.merchant_id::text) AS merchant, hashtext(posting.key) & 63 AS key
          FROM unnest(p_postings) posting
          JOIN loyalty_members m ON m.id = posting.member_id
          WHERE posting.key IS NOT NULL
          ORDER BY 1, 2) slot;

    -- 2. Decide, once, and refuse the first posting, in order, that cannot be granted: then nothing has moved.
    RETURN QUERY
    WITH looked AS (
        -- The member as it is now, the first entry of the key, and what the answered entry has left to give back.
        SELECT p.*, m.merchant_id, m.points_balance, m.points_held, m.stamp_count, m.lifetime_points,
               m.last_number, m.is_active, f.id AS first_id, f.member_id AS first_member_id, f.number AS first_number,
               f.fingerprint AS first_fingerprint, f.points_delta AS first_points, f.stamps_delta AS first_stamps,
               f.lifetime_delta AS first_lifetime, f.requested AS first_requested,
               CASE WHEN p.gives_back THEN -a.points_delta - coalesce(given.points, 0) END::bigint AS room,
               CASE WHEN p.gives_back THEN -a.lifetime_delta - coalesce(given.lifetime, 0) END::bigint AS lifetime_room
          FROM unnest(p_postings) WITH ORDINALITY AS p (
              id, member_id, type, points, stamps, held, short, key, fingerprint, moves_lifetime, is_activity,
              expires_at, answers_id, gives_back, needs_active, reopens_until, store_id, actor_id, order_reference,
              run_id, description, metadata, occurred_at, ord)
          JOIN loyalty_members m ON m.id = p.member_id
          -- LATERAL and LIMIT: one probe of an index a posting. As plain joins, on a table not analysed yet, the
          -- planner reads all entries of the merchant for each of them.
          LEFT JOIN LATERAL (
              SELECT * FROM loyalty_ledger_entries e
                WHERE p.key IS NOT NULL AND e.merchant_id = m.merchant_id AND e.key = p.key
                LIMIT 1) f ON true
          LEFT JOIN LATERAL (
              SELECT * FROM loyalty_ledger_entries e
                WHERE p.gives_back AND e.id = p.answers_id AND e.member_id = m.id
                LIMIT 1) a ON true
          LEFT JOIN LATERAL (
              SELECT sum(e.points_delta) AS points, sum(e.lifetime_delta) AS lifetime
                FROM loyalty_ledger_entries e
                WHERE p.gives_back AND e.answers_id = p.answers_id AND e.member_id = m.id) given ON true
    ),
    short AS (
        SELECT c.*, greatest(c.points_held + c.held - c.points_balance - c.wanted, 0) AS missing,
               c.stamp_count + c.stamps < 0 AS stamps_missing
          FROM (
            SELECT l.*, CASE WHEN l.gives_back THEN least(l.points, l.room) ELSE l.points END AS wanted
              FROM looked l) c
    ),
    -- A clamp takes less than asked for; it never gives, and never shortens a hold.
    clamped AS (
        SELECT s.*, s.wanted + s.spared AS moved, s.missing - s.spared > 0 AS points_missing
          FROM (
            SELECT short.*,
                   CASE WHEN short.short = 'clamp' THEN least(missing, greatest(-wanted, 0)) ELSE 0 END AS spared
              FROM short) s
    ),
    judged AS MATERIALIZED (
        SELECT s.*,
            CASE
                WHEN s.type IS NULL AND (s.points <> 0 OR s.stamps <> 0 OR s.gives_back OR s.key IS NOT NULL)
                    THEN 'P0001'
                WHEN s.first_id IS NOT NULL AND s.first_member_id <> s.member_id THEN 'RG003'
                WHEN s.first_id IS NOT NULL AND s.first_fingerprint IS DISTINCT FROM s.fingerprint THEN 'RG002'
                WHEN s.first_id IS NOT NULL THEN NULL
                WHEN s.needs_active AND NOT s.is_active THEN 'RG006'
                WHEN s.gives_back AND s.room IS NULL THEN 'P0002'
                WHEN s.gives_back AND s.points > s.room AND s.short = 'refuse' THEN 'RG004'
                WHEN s.gives_back AND s.wanted <= 0 THEN NULL
                WHEN s.points_missing AND s.short <> 'skip' THEN 'RG001'
                WHEN s.stamps_missing AND s.short <> 'skip' THEN 'RG005'
                WHEN s.points_missing OR s.stamps_missing THEN NULL
                -- More is released than held: the constraint of the row says so, in the order of the postings.
                WHEN s.points_held + s.held < 0 THEN '23514'
            END AS refusal,
            CASE
                WHEN s.first_id IS NOT NULL THEN 'replayed'
                WHEN s.gives_back AND s.wanted <= 0 THEN 'skipped'
                WHEN s.points_missing OR s.stamps_missing THEN 'skipped'
                WHEN s.type IS NULL THEN 'moved'
                ELSE 'created'
            END AS outcome
          FROM clamped s
    ),
    -- A key that stands twice in the batch belongs to the posting that writes it first.
    claim AS (
        SELECT j.merchant_id, j.key, min(j.ord) AS ord
          FROM judged j
          WHERE j.key IS NOT NULL AND j.outcome = 'created'
          GROUP BY j.merchant_id, j.key
    ),
    decision AS (
        SELECT j.*,
               CASE WHEN claim.ord < j.ord AND j.type IS NOT NULL THEN 'RG003' ELSE j.refusal END AS refused_with,
               j.outcome IN ('created', 'moved') AS moves,
               coalesce(j.occurred_at, p_at) AS happened,
               CASE j.outcome WHEN 'replayed' THEN j.first_id WHEN 'created' THEN j.id END AS entry_id,
               CASE j.outcome WHEN 'replayed' THEN j.first_number WHEN 'created' THEN j.last_number + 1 END AS number,
               CASE j.outcome
                   WHEN 'replayed' THEN j.first_points WHEN 'skipped' THEN 0 ELSE j.moved END AS points_delta,
               CASE j.outcome
                   WHEN 'replayed' THEN j.first_stamps WHEN 'skipped' THEN 0 ELSE j.stamps END AS stamps_delta,
               CASE
                   WHEN j.outcome = 'replayed' THEN j.first_lifetime
                   WHEN j.outcome = 'skipped' OR NOT j.moves_lifetime THEN 0
                   WHEN j.gives_back THEN greatest(least(j.moved, j.lifetime_room), 0)
                   ELSE greatest(j.moved, -j.lifetime_points)
               END AS lifetime_delta,
               CASE
                   WHEN j.outcome = 'replayed' THEN j.first_requested
                   WHEN j.outcome = 'skipped' AND j.gives_back THEN j.points
                   WHEN j.outcome = 'created' AND j.short = 'clamp' THEN abs(j.points)
               END AS requested
          FROM judged j
          LEFT JOIN claim ON claim.merchant_id = j.merchant_id AND claim.key = j.key
          ORDER BY j.ord
    ),
    decided AS MATERIALIZED (
        SELECT d.ord, d.outcome, d.moves, d.entry_id, d.number, d.points_delta, d.stamps_delta, d.lifetime_delta,
               d.requested, d.merchant_id, d.member_id, d.type, d.held, d.key, d.fingerprint, d.is_activity,
               d.expires_at, d.answers_id, d.gives_back, d.reopens_until, d.store_id, d.actor_id, d.order_reference,
               d.run_id, d.description, d.metadata, d.happened,
               d.points_balance + CASE WHEN d.moves THEN d.points_delta ELSE 0 END AS points_balance,
               d.points_held + CASE WHEN d.moves THEN d.held ELSE 0 END AS points_held,
               d.stamp_count + CASE WHEN d.moves THEN d.stamps_delta ELSE 0 END AS stamp_count,
               d.lifetime_points + CASE WHEN d.moves THEN d.lifetime_delta ELSE 0 END AS lifetime_points,
               CASE WHEN d.refused_with IS NOT NULL THEN ledger_refuse_v1(
                   d.refused_with, d.ord, d.points_balance - d.points_held, d.room, d.stamp_count, d.key) END
          FROM decision d
    ),
    -- 3. Move the members.
    member AS (
        UPDATE loyalty_members m SET
            points_balance = d.points_balance,
            points_held = d.points_held,
            lifetime_points = d.lifetime_points,
            stamp_count = d.stamp_count,
            last_number = coalesce(d.number, m.last_number),
            last_activity_at = CASE
                WHEN d.is_activity THEN greatest(m.last_activity_at, d.happened) ELSE m.last_activity_at END
          FROM decided d
          WHERE d.moves AND m.id = d.member_id
    ),
    -- 4. Write the entries.
    entry AS (
        INSERT INTO loyalty_ledger_entries (
            id, merchant_id, member_id, number, type, points_delta, points_balance_after, stamps_delta,
            stamps_balance_after, lifetime_delta, requested, store_id, actor_id, order_reference, run_id,
            answers_id, key, fingerprint, description, metadata, occurred_at, created_at
        )
        SELECT d.entry_id, d.merchant_id, d.member_id, d.number, d.type, d.points_delta, d.points_balance,
               d.stamps_delta, d.stamp_count, d.lifetime_delta, d.requested, d.store_id, d.actor_id,
               d.order_reference, d.run_id, d.answers_id, d.key, d.fingerprint, d.description, d.metadata,
               d.happened, now()
          FROM decided d
          WHERE d.outcome = 'created'
    ),
    -- 5. Lots. What leaves is taken soonest date first, undated points last ...
    open_lot AS (
        SELECT l.id, d.entry_id, d.type, -d.points_delta AS wanted, l.points - l.consumed AS remaining,
               sum(l.points - l.consumed) OVER (
                   PARTITION BY l.member_id ORDER BY l.expires_at, l.number
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
          FROM decided d
          JOIN loyalty_point_expirations l ON l.member_id = d.member_id AND l.status = 'scheduled'
          WHERE d.outcome = 'created' AND d.points_delta < 0
    ),
    -- ... and what comes back goes into the lots it was taken from.
    taken_lot AS (
        SELECT l.id, d.entry_id, d.points_delta AS wanted, taken.points AS remaining, d.reopens_until,
               sum(taken.points) OVER (
                   PARTITION BY d.ord ORDER BY l.expires_at, l.number
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
          FROM decided d
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
          WHERE d.moves AND d.gives_back
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
        SELECT d.entry_id, d.merchant_id, d.member_id, d.number, d.points_delta, 0, d.expires_at, 'scheduled'
          FROM decided d
          WHERE d.outcome = 'created' AND d.points_delta > 0 AND NOT d.gives_back AND d.expires_at IS NOT NULL
    )
    SELECT d.ord, d.outcome, d.entry_id, d.number, d.points_delta, d.points_balance, d.points_held, d.stamps_delta,
           d.stamp_count, d.lifetime_delta, d.lifetime_points, d.requested, now(), pg_current_xact_id(),
           d.merchant_id, d.member_id, d.type, d.happened, d.store_id, d.order_reference, d.run_id, d.answers_id,
           d.metadata
      FROM decided d
      ORDER BY d.ord;
END
$$;
