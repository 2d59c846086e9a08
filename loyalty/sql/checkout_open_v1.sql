-- checkout_open_v1(member, slugs, intents): what a checkout's intents are judged by, under the member's lock.
--
-- `intents` are ids at the checkout. The rewards of `slugs`, and those whose units the known intents have taken, are
-- locked with the member as by rewards_open_v1; then it looks. Returns {"rewards": as that one, "intents": the known
-- intents, each with its redemption or null under "redemption"}, or NULL where there is no such member.
CREATE OR REPLACE FUNCTION checkout_open_v1(p_member uuid, p_slugs text[], p_intents text[])
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_rewards jsonb;
BEGIN
    -- The reward of a known intent never changes, so that it can be read before the lock.
    v_rewards := rewards_open_v1(p_member, p_slugs, ARRAY(
        SELECT i.reward_id FROM loyalty_checkout_intents i
          WHERE i.member_id = p_member AND i.client_id = ANY (p_intents) AND i.reward_id IS NOT NULL));
    IF v_rewards IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN jsonb_build_object('rewards', v_rewards, 'intents', coalesce((
        SELECT jsonb_agg(to_jsonb(i) || jsonb_build_object('redemption', to_jsonb(d) - 'fingerprint'))
          FROM loyalty_checkout_intents i
          LEFT JOIN loyalty_redemptions d ON d.id = i.redemption_id
          WHERE i.member_id = p_member AND i.client_id = ANY (p_intents)), '[]'));
END
$$;
