-- One movement of one member's value, as ledger_post_set_v2 takes it; loyalty/ledger.py says what each field means.
CREATE TYPE ledger_posting_v1 AS (
    id uuid, member_id uuid, type text, points bigint, stamps integer, held bigint, short text, key text,
    fingerprint bytea, moves_lifetime boolean, is_activity boolean, expires_at timestamptz, answers_id uuid,
    gives_back boolean, needs_active boolean, reopens_until timestamptz, store_id uuid, actor_id uuid,
    order_reference text, run_id uuid, description text, metadata jsonb, occurred_at timestamptz
);
