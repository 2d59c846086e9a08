-- rewards_open_v1(member, slugs, rewards): lock what a redemption goes by, in the one order there is, then look.
--
-- `slugs` and `rewards` name rewards of the member's program by slug or id; either may be NULL. Locked are those that
-- have a stock, in id order, then the member. Only then it reads, so that it never decides on an old snapshot. Returns
-- a JSON array of the rewards as they stand, each with
--   used    units of it that the member has asked for or been given
--   free    codes left in its pool, counted to 1,000; NULL where it gives no codes
--   locked  whether its stock may be moved by this transaction
-- NULL where there is no such member.
CREATE OR REPLACE FUNCTION rewards_open_v1(p_member uuid, p_slugs text[], p_rewards uuid[])
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_program uuid;
    v_locked uuid[];
BEGIN
    SELECT m.program_id INTO v_program FROM loyalty_members m WHERE m.id = p_member;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF coalesce(cardinality(p_slugs), 0) + coalesce(cardinality(p_rewards), 0) > 0 THEN
        SELECT array_agg(limited.id) INTO v_locked FROM (
            SELECT r.id FROM loyalty_rewards r
              WHERE r.program_id = v_program AND r.stock IS NOT NULL
                AND (r.slug = ANY (p_slugs) OR r.id = ANY (p_rewards))
              ORDER BY r.id
              FOR NO KEY UPDATE) limited;
    END IF;
    PERFORM 1 FROM loyalty_members m WHERE m.id = p_member FOR NO KEY UPDATE;
    RETURN coalesce((
        SELECT jsonb_agg(to_jsonb(r) || jsonb_build_object(
            'used', (
                SELECT coalesce(sum(d.quantity), 0) FROM loyalty_redemptions d
                  WHERE d.member_id = p_member AND d.reward_id = r.id AND d.status IN ('requested', 'fulfilled')
                    AND r.limit_per_member IS NOT NULL),
            'free', CASE WHEN r.kind = 'discount_code' THEN (
                SELECT count(*) FROM (
                    SELECT 1 FROM loyalty_reward_codes c WHERE c.reward_id = r.id AND c.redemption_id IS NULL
                      LIMIT 1000) pool) END,
            'locked', r.id = ANY (coalesce(v_locked, '{}'))))
          FROM loyalty_rewards r
          WHERE r.program_id = v_program AND (r.slug = ANY (p_slugs) OR r.id = ANY (p_rewards))), '[]');
END
$$;
