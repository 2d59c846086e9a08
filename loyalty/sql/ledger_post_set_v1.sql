-- ledger_post_set_v1(at, postings): ledger_post_set_v2 for postings that come as a JSON array, as to ledger_post_v1. It
-- answers with the same rows as that one and refuses with the same codes.
CREATE OR REPLACE FUNCTION ledger_post_set_v1(p_at timestamptz, p_postings jsonb)
RETURNS TABLE (
    ord bigint, outcome text, entry_id uuid, number integer, points_delta bigint, points_balance bigint,
    points_held bigint, stamps_delta integer, stamp_count integer, lifetime_delta bigint, lifetime_points bigint,
    requested bigint, written_at timestamptz, xact xid8
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT posted.ord, posted.outcome, posted.entry_id, posted.number, posted.points_delta, posted.points_balance,
           posted.points_held, posted.stamps_delta, posted.stamp_count, posted.lifetime_delta, posted.lifetime_points,
           posted.requested, posted.written_at, posted.xact
      FROM ledger_post_set_v2(p_at, ARRAY(
          SELECT posting FROM jsonb_populate_recordset(NULL::ledger_posting_v1, p_postings) AS posting)) AS posted;
END
$$;
