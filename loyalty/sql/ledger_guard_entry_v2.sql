-- An entry changes in one way: the words about a person may go, and only to nothing. Codes by which a member was known
-- to friends are such words since v2; a process of the version before leaves them while the new one is rolled out.
CREATE OR REPLACE FUNCTION ledger_guard_entry_v2() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF NEW.description IN (OLD.description, '')
        AND NEW.metadata IN (
            OLD.metadata,
            OLD.metadata - ARRAY['reason', 'note', 'items'],
            OLD.metadata - ARRAY['reason', 'note', 'items', 'referral_code'])
        AND to_jsonb(NEW) - 'description' - 'metadata' = to_jsonb(OLD) - 'description' - 'metadata'
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a ledger entry is never changed; answer it with another entry';
END
$$;

CREATE OR REPLACE TRIGGER ledger_guard_change BEFORE UPDATE ON loyalty_ledger_entries
    FOR EACH ROW EXECUTE FUNCTION ledger_guard_entry_v2();
