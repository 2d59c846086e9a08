-- ledger_post_v1(at, postings): move value and write why, posting by posting, in the order given.
--
-- `postings` is a JSON array; loyalty/ledger.py makes it and reads the answer, one row per posting:
--   outcome  created (an entry was written), moved (a hold or release: no entry), replayed (the key was posted
--            before: entry_id names the first entry, nothing moves), skipped (too little there, and `short` = skip).
-- Refusals are errors with a SQLSTATE of our own and a JSON detail:
--   RG001 insufficient points   RG002 key reused with another request   RG003 key used by another member
--   RG004 more to give back than was taken   RG005 insufficient stamps   RG006 the card is inactive
--
-- A posting with `news` has its entry told of: an event of that kind in the outbox, with the facts that
-- loyalty.events.EntryEvent lists, under the entry's own id. It costs a till no further round trip.
--
-- ledger_post_set_v1 does the same for a batch without a member twice, set-based. tests/ledger/ holds both against
-- one model in Python: what changes here changes there.
CREATE OR REPLACE FUNCTION ledger_post_v1(p_at timestamptz, p_postings jsonb)
RETURNS TABLE (
    ord bigint, outcome text, entry_id uuid, number integer, points_delta bigint, points_balance bigint,
    points_held bigint, stamps_delta integer, stamp_count integer, lifetime_delta bigint, lifetime_points bigint,
    requested bigint, written_at timestamptz, xact xid8
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
-- A plan that was cached while the tables were small would read them through, for as long as the session lasts.
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    posting record;
    member loyalty_members;
    first loyalty_ledger_entries;
    lot record;
    happened timestamptz;
    missing bigint;
    room bigint;
    lifetime_room bigint;
    pending bigint;
    moved bigint;
    lifetime bigint;
BEGIN
    -- Under a snapshot older than our locks we would decide on balances that are no longer true.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the ledger posts under READ COMMITTED alone';
    END IF;

    -- 1. Lock the members, in id order, whoever else is posting. Only then look. One alone is locked at its look, below.
    IF jsonb_array_length(p_postings) > 1 THEN
        PERFORM 1 FROM loyalty_members m
          WHERE m.id = ANY (ARRAY(SELECT (element ->> 'member_id')::uuid FROM jsonb_array_elements(p_postings) element))
          ORDER BY m.id
          FOR NO KEY UPDATE;

        -- Several keys are claimed in one order, whatever the order of the postings: two batches that bring each
        -- other's keys for other members would deadlock in the unique index. 64 slots a merchant keep the lock table
        -- small.
        PERFORM pg_advisory_xact_lock(slot.merchant, slot.key) FROM (
            SELECT DISTINCT hashtext(m.merchant_id::text) AS merchant, hashtext(element ->> 'key') & 63 AS key
              FROM jsonb_array_elements(p_postings) element
              JOIN loyalty_members m ON m.id = (element ->> 'member_id')::uuid
              WHERE element ? 'key'
              ORDER BY 1, 2) slot;
    END IF;

    FOR posting IN
        SELECT * FROM ROWS FROM (jsonb_to_recordset(p_postings) AS (
            id uuid, member_id uuid, type text, points bigint, stamps integer, held bigint, short text,
            key text, fingerprint bytea, moves_lifetime boolean, is_activity boolean, expires_at timestamptz,
            answers_id uuid, gives_back boolean, needs_active boolean, reopens_until timestamptz, store_id uuid, actor_id uuid,
            order_reference text, run_id uuid, description text, metadata jsonb, occurred_at timestamptz, news text,
            backfill boolean
        )) WITH ORDINALITY AS posting (
            id, member_id, type, points, stamps, held, short, key, fingerprint, moves_lifetime, is_activity,
            expires_at, answers_id, gives_back, needs_active, reopens_until, store_id, actor_id, order_reference, run_id,
            description, metadata, occurred_at, news, backfill, ord
        )
    LOOP
        SELECT * INTO member FROM loyalty_members m WHERE m.id = posting.member_id FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'posting % names no member', posting.ord;
        END IF;
        happened := coalesce(posting.occurred_at, p_at);
        -- What moves without an entry could not be accounted for, and a key without one would not be remembered.
        IF posting.type IS NULL AND (
            posting.points <> 0 OR posting.stamps <> 0 OR posting.gives_back OR posting.key IS NOT NULL
        ) THEN
            RAISE EXCEPTION 'posting % has no type, so it may hold or release and nothing else', posting.ord;
        END IF;

        -- 2. A key posts once. The first entry is the answer to every retry of the same request.
        IF posting.key IS NOT NULL THEN
            SELECT * INTO first FROM loyalty_ledger_entries e
              WHERE e.merchant_id = member.merchant_id AND e.key = posting.key;
            IF FOUND THEN
                IF first.member_id <> member.id THEN
                    RAISE EXCEPTION 'key used by another member' USING
                        ERRCODE = 'RG003', DETAIL = jsonb_build_object('ord', posting.ord, 'key', posting.key);
                ELSIF first.fingerprint IS DISTINCT FROM posting.fingerprint THEN
                    RAISE EXCEPTION 'key reused' USING
                        ERRCODE = 'RG002', DETAIL = jsonb_build_object('ord', posting.ord, 'key', posting.key);
                END IF;
                RETURN QUERY SELECT posting.ord, 'replayed', first.id, first.number, first.points_delta,
                    member.points_balance, member.points_held, first.stamps_delta, member.stamp_count,
                    first.lifetime_delta, member.lifetime_points, first.requested, now(), pg_current_xact_id();
                CONTINUE;
            END IF;
        END IF;

        IF posting.needs_active AND NOT member.is_active THEN
            RAISE EXCEPTION 'card inactive' USING ERRCODE = 'RG006', DETAIL = jsonb_build_object('ord', posting.ord);
        END IF;

        -- 3. Giving back: at most what the answered entry took and nobody gave back yet.
        moved := posting.points;
        IF posting.gives_back THEN
            SELECT * INTO STRICT first FROM loyalty_ledger_entries e
              WHERE e.id = posting.answers_id AND e.member_id = member.id;
            SELECT -first.points_delta - coalesce(sum(e.points_delta), 0),
                   -first.lifetime_delta - coalesce(sum(e.lifetime_delta), 0)
              INTO room, lifetime_room
              FROM loyalty_ledger_entries e WHERE e.answers_id = posting.answers_id AND e.member_id = member.id;
            IF moved > room AND posting.short = 'refuse' THEN
                RAISE EXCEPTION 'more than was taken' USING
                    ERRCODE = 'RG004', DETAIL = jsonb_build_object('ord', posting.ord, 'room', room);
            END IF;
            moved := least(moved, room);
            IF moved <= 0 THEN
                RETURN QUERY SELECT posting.ord, 'skipped', NULL::uuid, NULL::integer, 0::bigint,
                    member.points_balance, member.points_held, 0, member.stamp_count, 0::bigint,
                    member.lifetime_points, posting.points, now(), pg_current_xact_id();
                CONTINUE;
            END IF;
        END IF;

        -- 4. Is enough there? What is held is not there, except for the posting that lets go of it.
        missing := greatest(member.points_held + posting.held - member.points_balance - moved, 0);
        IF posting.short = 'clamp' THEN
            -- Less is taken than asked for; a clamp never gives, and never shortens a hold.
            pending := least(missing, greatest(-moved, 0));
            moved := moved + pending;
            missing := missing - pending;
        END IF;
        IF missing > 0 AND posting.short <> 'skip' THEN
            RAISE EXCEPTION 'insufficient points' USING ERRCODE = 'RG001', DETAIL = jsonb_build_object(
                'ord', posting.ord, 'available', member.points_balance - member.points_held);
        ELSIF member.stamp_count + posting.stamps < 0 AND posting.short <> 'skip' THEN
            RAISE EXCEPTION 'insufficient stamps' USING
                ERRCODE = 'RG005', DETAIL = jsonb_build_object('ord', posting.ord, 'stamps', member.stamp_count);
        ELSIF missing > 0 OR member.stamp_count + posting.stamps < 0 THEN
            RETURN QUERY SELECT posting.ord, 'skipped', NULL::uuid, NULL::integer, 0::bigint,
                member.points_balance, member.points_held, 0, member.stamp_count, 0::bigint,
                member.lifetime_points, NULL::bigint, now(), pg_current_xact_id();
            CONTINUE;
        END IF;

        -- 5. Lifetime points follow what really moved, and never fall below nothing.
        lifetime := CASE
            WHEN NOT posting.moves_lifetime THEN 0
            WHEN posting.gives_back THEN greatest(least(moved, lifetime_room), 0)
            ELSE greatest(moved, -member.lifetime_points)
        END;

        -- 6. Move the member and write the entry. A hold or a release has no entry: its redemption tells of it.
        UPDATE loyalty_members m SET
            points_balance = m.points_balance + moved,
            points_held = m.points_held + posting.held,
            lifetime_points = m.lifetime_points + lifetime,
            stamp_count = m.stamp_count + posting.stamps,
            last_number = m.last_number + CASE WHEN posting.type IS NULL THEN 0 ELSE 1 END,
            last_activity_at = CASE
                WHEN posting.is_activity THEN greatest(m.last_activity_at, happened) ELSE m.last_activity_at END
          WHERE m.id = member.id
          RETURNING * INTO member;

        IF posting.type IS NULL THEN
            RETURN QUERY SELECT posting.ord, 'moved', NULL::uuid, NULL::integer, moved, member.points_balance,
                member.points_held, posting.stamps, member.stamp_count, lifetime, member.lifetime_points,
                NULL::bigint, now(), pg_current_xact_id();
            CONTINUE;
        END IF;

        INSERT INTO loyalty_ledger_entries (
            id, merchant_id, member_id, number, type, points_delta, points_balance_after, stamps_delta,
            stamps_balance_after, lifetime_delta, requested, store_id, actor_id, order_reference, run_id,
            answers_id, key, fingerprint, description, metadata, occurred_at, created_at
        ) VALUES (
            posting.id, member.merchant_id, member.id, member.last_number, posting.type, moved,
            member.points_balance, posting.stamps, member.stamp_count, lifetime,
            CASE WHEN posting.short = 'clamp' THEN abs(posting.points) END,
            posting.store_id, posting.actor_id, posting.order_reference, posting.run_id, posting.answers_id,
            posting.key, posting.fingerprint, posting.description, posting.metadata, happened, now()
        );

        IF posting.news IS NOT NULL THEN
            INSERT INTO outbox_events (id, kind, merchant_id, facts, backfill) VALUES (
                posting.id, posting.news, member.merchant_id,
                jsonb_build_object(
                    'merchant_id', member.merchant_id, 'member_id', member.id, 'occurred_at', happened,
                    'entry_id', posting.id, 'type', posting.type, 'points', moved,
                    'points_balance', member.points_balance, 'stamps', posting.stamps,
                    'stamp_count', member.stamp_count,
                    'requested', CASE WHEN posting.short = 'clamp' THEN abs(posting.points) END,
                    'store_id', posting.store_id, 'order_reference', posting.order_reference,
                    'run_id', posting.run_id, 'answers_id', posting.answers_id),
                coalesce(posting.backfill, false)
            );
        END IF;

        -- 7. Lots. What leaves is taken soonest date first, undated points last.
        IF moved < 0 THEN
            pending := -moved;
            FOR lot IN
                SELECT l.id, least(l.points - l.consumed, pending) AS taken, l.points - l.consumed AS remaining
                  FROM loyalty_point_expirations l
                  WHERE l.member_id = member.id AND l.status = 'scheduled'
                  ORDER BY l.expires_at, l.number
            LOOP
                EXIT WHEN pending = 0;
                lot.taken := least(lot.remaining, pending);
                pending := pending - lot.taken;
                UPDATE loyalty_point_expirations l SET
                    consumed = l.consumed + lot.taken,
                    status = CASE
                        WHEN lot.taken < lot.remaining THEN 'scheduled'
                        WHEN posting.type = 'points_expired' THEN 'expired'
                        WHEN posting.type IN ('undo', 'refund') THEN 'cancelled'
                        ELSE 'consumed' END
                  WHERE l.id = lot.id;
                INSERT INTO loyalty_lot_allocations (entry_id, lot_id, points) VALUES (posting.id, lot.id, lot.taken);
            END LOOP;

        -- What comes back goes into the lots it was taken from, under their own dates or the later one given.
        ELSIF posting.gives_back THEN
            pending := moved;
            FOR lot IN
                SELECT l.id, taken.points FROM (
                    SELECT a.lot_id, sum(a.points)::bigint AS points FROM loyalty_lot_allocations a
                      WHERE a.entry_id IN (
                          SELECT posting.answers_id
                          UNION ALL
                          SELECT e.id FROM loyalty_ledger_entries e
                            WHERE e.answers_id = posting.answers_id AND e.member_id = member.id)
                      GROUP BY a.lot_id
                      HAVING sum(a.points) > 0) taken
                  JOIN loyalty_point_expirations l ON l.id = taken.lot_id
                  ORDER BY l.expires_at, l.number
            LOOP
                EXIT WHEN pending = 0;
                lot.points := least(lot.points, pending);
                pending := pending - lot.points;
                UPDATE loyalty_point_expirations l SET
                    consumed = l.consumed - lot.points,
                    status = 'scheduled',
                    -- A new date is a new due moment, to be warned of again.
                    warned_at = CASE WHEN posting.reopens_until > l.expires_at THEN NULL ELSE l.warned_at END,
                    expires_at = greatest(l.expires_at, posting.reopens_until)
                  WHERE l.id = lot.id;
                INSERT INTO loyalty_lot_allocations (entry_id, lot_id, points) VALUES (posting.id, lot.id, -lot.points);
            END LOOP;

        -- What arrives under a date of its own becomes a lot.
        ELSIF moved > 0 AND posting.expires_at IS NOT NULL THEN
            INSERT INTO loyalty_point_expirations (
                id, merchant_id, member_id, number, points, consumed, expires_at, status
            ) VALUES (
                posting.id, member.merchant_id, member.id, member.last_number, moved, 0, posting.expires_at,
                'scheduled'
            );
        END IF;

        -- Column by column: a RETURN QUERY here is a statement more for every till.
        ord := posting.ord;
        outcome := 'created';
        entry_id := posting.id;
        number := member.last_number;
        points_delta := moved;
        points_balance := member.points_balance;
        points_held := member.points_held;
        stamps_delta := posting.stamps;
        stamp_count := member.stamp_count;
        lifetime_delta := lifetime;
        lifetime_points := member.lifetime_points;
        requested := CASE WHEN posting.short = 'clamp' THEN abs(posting.points) END;
        written_at := now();
        xact := pg_current_xact_id();
        RETURN NEXT;
    END LOOP;
END
$$;
