-- What no role may do to the books, the owner included, short of dropping these triggers. The triggers that pgtrigger
-- makes can be talked out of their work by anybody who says SET pgtrigger.ignore; these ask nobody.
CREATE OR REPLACE FUNCTION ledger_guard_v1() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF TG_TABLE_NAME = 'loyalty_members' AND TG_OP = 'INSERT' THEN
        RAISE EXCEPTION 'a member begins with nothing; value comes through the ledger';
    END IF;
    RAISE EXCEPTION 'the books are kept: no % on %', TG_OP, TG_TABLE_NAME;
END
$$;

-- An entry changes in one way: the words about a person may go, and only to nothing.
CREATE OR REPLACE FUNCTION ledger_guard_entry_v1() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF NEW.description IN (OLD.description, '')
        AND NEW.metadata IN (OLD.metadata, OLD.metadata - ARRAY['reason', 'note', 'items'])
        AND to_jsonb(NEW) - 'description' - 'metadata' = to_jsonb(OLD) - 'description' - 'metadata'
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a ledger entry is never changed; answer it with another entry';
END
$$;

CREATE OR REPLACE TRIGGER ledger_guard_birth BEFORE INSERT ON loyalty_members
    FOR EACH ROW WHEN (
        (NEW.points_balance, NEW.points_held, NEW.lifetime_points, NEW.stamp_count, NEW.last_number)
            IS DISTINCT FROM (0, 0, 0, 0, 0)
    ) EXECUTE FUNCTION ledger_guard_v1();
CREATE OR REPLACE TRIGGER ledger_guard_change BEFORE UPDATE ON loyalty_ledger_entries
    FOR EACH ROW EXECUTE FUNCTION ledger_guard_entry_v1();
CREATE OR REPLACE TRIGGER ledger_guard_removal BEFORE DELETE ON loyalty_ledger_entries
    FOR EACH ROW EXECUTE FUNCTION ledger_guard_v1();
CREATE OR REPLACE TRIGGER ledger_guard_emptying BEFORE TRUNCATE ON loyalty_ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_guard_v1();
CREATE OR REPLACE TRIGGER ledger_guard_removal BEFORE DELETE ON loyalty_point_expirations
    FOR EACH ROW EXECUTE FUNCTION ledger_guard_v1();
CREATE OR REPLACE TRIGGER ledger_guard_emptying BEFORE TRUNCATE ON loyalty_point_expirations
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_guard_v1();
CREATE OR REPLACE TRIGGER ledger_guard_change BEFORE UPDATE OR DELETE ON loyalty_lot_allocations
    FOR EACH ROW EXECUTE FUNCTION ledger_guard_v1();
CREATE OR REPLACE TRIGGER ledger_guard_emptying BEFORE TRUNCATE ON loyalty_lot_allocations
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_guard_v1();
