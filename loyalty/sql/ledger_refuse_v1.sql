-- ledger_refuse_v1(...): refuse with that SQLSTATE, and say what the posting at `ord` met. Never returns.
CREATE OR REPLACE FUNCTION ledger_refuse_v1(
    p_refusal text, p_ord bigint, p_available bigint, p_room bigint, p_stamps integer, p_key text
) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'refused' USING ERRCODE = p_refusal, DETAIL = jsonb_build_object('ord', p_ord) || CASE
        WHEN p_refusal = 'RG001' THEN jsonb_build_object('available', p_available)
        WHEN p_refusal IN ('RG002', 'RG003') THEN jsonb_build_object('key', p_key)
        WHEN p_refusal = 'RG004' THEN jsonb_build_object('room', p_room)
        WHEN p_refusal = 'RG005' THEN jsonb_build_object('stamps', p_stamps)
        ELSE '{}' END;
END
$$;
