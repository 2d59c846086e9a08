-- ledger_forget_v1(members): empty the free text of these members' entries; amounts, dates and references stay.
-- The one change of an entry that its trigger lets pass.
CREATE OR REPLACE FUNCTION ledger_forget_v1(p_members uuid[])
RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH forgotten AS (
        UPDATE loyalty_ledger_entries e SET
            description = '',
            metadata = e.metadata - ARRAY['reason', 'note', 'items']
          WHERE e.member_id = ANY (p_members)
            AND (e.description <> '' OR e.metadata ?| ARRAY['reason', 'note', 'items'])
          RETURNING 1)
    SELECT count(*) FROM forgotten
$$;
