-- ledger_forget_keys_v1(merchant, keys): empty the free text of the merchant's entries with these keys: words in one
-- member's ledger that tell of another, who is being forgotten.
CREATE OR REPLACE FUNCTION ledger_forget_keys_v1(p_merchant uuid, p_keys text[])
RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH forgotten AS (
        UPDATE loyalty_ledger_entries e SET
            description = '',
            metadata = e.metadata - ARRAY['reason', 'note', 'items', 'referral_code']
          WHERE e.merchant_id = p_merchant AND e.key = ANY (p_keys)
          RETURNING 1)
    SELECT count(*) FROM forgotten
$$;
