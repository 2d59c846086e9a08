-- ledger_mend_v1(members): make the figures kept on these members say what the entries and open redemptions say.
-- It can write nothing else than that. Returns how many members were wrong.
CREATE OR REPLACE FUNCTION ledger_mend_v1(p_members uuid[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    mended bigint;
BEGIN
    PERFORM 1 FROM loyalty_members m WHERE m.id = ANY (p_members) ORDER BY m.id FOR NO KEY UPDATE;
    UPDATE loyalty_members m SET
        points_balance = truth.points,
        points_held = truth.held,
        lifetime_points = truth.lifetime,
        stamp_count = truth.stamps,
        last_number = truth.last_number
      FROM (
        SELECT k.id,
               coalesce(sum(e.points_delta), 0)::bigint AS points,
               coalesce(sum(e.lifetime_delta), 0)::bigint AS lifetime,
               coalesce(sum(e.stamps_delta), 0)::integer AS stamps,
               coalesce(max(e.number), 0) AS last_number,
               coalesce((SELECT sum(r.points_cost) FROM loyalty_redemptions r
                          WHERE r.member_id = k.id AND r.status = 'requested'), 0)::bigint AS held
          FROM (SELECT DISTINCT id FROM unnest(p_members) AS given (id)) AS k
          LEFT JOIN loyalty_ledger_entries e ON e.member_id = k.id
          GROUP BY k.id) truth
      WHERE m.id = truth.id
        AND (m.points_balance, m.points_held, m.lifetime_points, m.stamp_count, m.last_number)
            IS DISTINCT FROM (truth.points, truth.held, truth.lifetime, truth.stamps, truth.last_number);
    GET DIAGNOSTICS mended = ROW_COUNT;
    RETURN mended;
END
$$;
