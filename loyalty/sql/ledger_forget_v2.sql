-- ledger_forget_v2(members): empty the free text of these members' entries; amounts, dates and references stay.
-- The one change of an entry that its trigger lets pass. v1 left the codes that a member was known by to friends.
CREATE OR REPLACE FUNCTION ledger_forget_v2(p_members uuid[])
RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH forgotten AS (
        UPDATE loyalty_ledger_entries e SET
            description = '',
            metadata = e.metadata - ARRAY['reason', 'note', 'items', 'referral_code']
          WHERE e.member_id = ANY (p_members)
            AND (e.description <> '' OR e.metadata ?| ARRAY['reason', 'note', 'items', 'referral_code'])
          RETURNING 1)
    SELECT count(*) FROM forgotten
$$;
