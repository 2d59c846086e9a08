-- ledger_decide_set_v1(at, postings): what each posting of a set comes to, with its members locked by the caller:
-- the rules of ledger_post_v1, steps 2 to 5. `refusal` is the SQLSTATE to refuse with, else empty.
CREATE OR REPLACE FUNCTION ledger_decide_set_v1(p_at timestamptz, p_postings jsonb)
RETURNS TABLE (
    ord bigint, id uuid, merchant_id uuid, member_id uuid, type text, stamps integer, held bigint, key text,
    fingerprint bytea, is_activity boolean, expires_at timestamptz, answers_id uuid, gives_back boolean,
    reopens_until timestamptz, store_id uuid, actor_id uuid, order_reference text, run_id uuid, description text,
    metadata jsonb, happened timestamptz, points_balance bigint, points_held bigint, stamp_count integer,
    lifetime_points bigint, last_number integer, room bigint, available bigint, refusal text, outcome text,
    entry_id uuid, number integer, moved bigint, lifetime bigint, requested bigint
)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH posting AS (
        SELECT * FROM ROWS FROM (jsonb_to_recordset(p_postings) AS (
            id uuid, member_id uuid, type text, points bigint, stamps integer, held bigint, short text,
            key text, fingerprint bytea, moves_lifetime boolean, is_activity boolean, expires_at timestamptz,
            answers_id uuid, gives_back boolean, needs_active boolean, reopens_until timestamptz, store_id uuid,
            actor_id uuid, order_reference text, run_id uuid, description text, metadata jsonb, occurred_at timestamptz
        )) WITH ORDINALITY AS posting (
            id, member_id, type, points, stamps, held, short, key, fingerprint, moves_lifetime, is_activity,
            expires_at, answers_id, gives_back, needs_active, reopens_until, store_id, actor_id, order_reference,
            run_id, description, metadata, occurred_at, ord
        )
    ),
    -- The member as it is now, the first entry of the key, and what the answered entry has left to give back.
    looked AS (
        SELECT p.*, m.merchant_id, m.points_balance, m.points_held, m.stamp_count, m.lifetime_points,
               m.last_number, m.is_active, f.id AS first_id, f.member_id AS first_member_id, f.number AS first_number,
               f.fingerprint AS first_fingerprint, f.points_delta AS first_points, f.stamps_delta AS first_stamps,
               f.lifetime_delta AS first_lifetime, f.requested AS first_requested,
               CASE WHEN p.gives_back THEN -a.points_delta - coalesce(given.points, 0) END::bigint AS room,
               CASE WHEN p.gives_back THEN -a.lifetime_delta - coalesce(given.lifetime, 0) END::bigint AS lifetime_room
          FROM posting p
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
    capped AS (
        SELECT l.*, CASE WHEN l.gives_back THEN least(l.points, l.room) ELSE l.points END AS wanted
          FROM looked l
    ),
    short AS (
        SELECT c.*, greatest(c.points_held + c.held - c.points_balance - c.wanted, 0) AS missing,
               c.stamp_count + c.stamps < 0 AS stamps_missing
          FROM capped c
    ),
    -- A clamp takes less than asked for; it never gives, and never shortens a hold.
    clamped AS (
        SELECT s.*, s.wanted + s.spared AS moved, s.missing - s.spared > 0 AS points_missing
          FROM (
            SELECT short.*,
                   CASE WHEN short.short = 'clamp' THEN least(missing, greatest(-wanted, 0)) ELSE 0 END AS spared
              FROM short) s
    ),
    judged AS (
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
    claimed AS (
        SELECT j.*, j.key IS NOT NULL AND count(*) FILTER (WHERE j.outcome = 'created') OVER (
                   PARTITION BY j.merchant_id, j.key ORDER BY j.ord
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) > 0 AS key_taken
          FROM judged j
    )
    SELECT j.ord, j.id, j.merchant_id, j.member_id, j.type,
           CASE j.outcome WHEN 'replayed' THEN j.first_stamps WHEN 'skipped' THEN 0 ELSE j.stamps END,
           j.held, j.key, j.fingerprint, j.is_activity, j.expires_at, j.answers_id, j.gives_back, j.reopens_until,
           j.store_id, j.actor_id, j.order_reference, j.run_id, j.description, j.metadata,
           coalesce(j.occurred_at, p_at), j.points_balance, j.points_held, j.stamp_count, j.lifetime_points,
           j.last_number, j.room, j.points_balance - j.points_held,
           CASE WHEN j.key_taken AND j.type IS NOT NULL THEN 'RG003' ELSE j.refusal END, j.outcome,
           CASE j.outcome WHEN 'replayed' THEN j.first_id WHEN 'created' THEN j.id END,
           CASE j.outcome WHEN 'replayed' THEN j.first_number WHEN 'created' THEN j.last_number + 1 END,
           CASE j.outcome WHEN 'replayed' THEN j.first_points WHEN 'skipped' THEN 0 ELSE j.moved END,
           CASE
               WHEN j.outcome = 'replayed' THEN j.first_lifetime
               WHEN j.outcome = 'skipped' OR NOT j.moves_lifetime THEN 0
               WHEN j.gives_back THEN greatest(least(j.moved, j.lifetime_room), 0)
               ELSE greatest(j.moved, -j.lifetime_points)
           END,
           CASE
               WHEN j.outcome = 'replayed' THEN j.first_requested
               WHEN j.outcome = 'skipped' AND j.gives_back THEN j.points
               WHEN j.outcome = 'created' AND j.short = 'clamp' THEN abs(j.points)
           END
      FROM claimed j
$$;
