-- http_count_v1(subject, limit): count a call of the subject in this minute and say how many there were, and how many
-- seconds the minute still has. What is over the limit is counted by the hour too, for the metrics. One atomic upsert:
-- however many calls come at once, on however many machines, exactly `limit` of them see a count within it.
CREATE OR REPLACE FUNCTION http_count_v1(p_subject text, p_limit integer, OUT calls integer, OUT resets_in integer)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    begins timestamptz := date_trunc('minute', clock_timestamp());
BEGIN
    INSERT INTO rate_windows AS w (subject, begins_at, calls) VALUES (p_subject, begins, 1)
      ON CONFLICT (subject, begins_at) DO UPDATE SET calls = w.calls + 1
      RETURNING w.calls INTO calls;
    resets_in := greatest(1, ceil(extract(epoch FROM begins + interval '1 minute' - clock_timestamp())))::integer;
    IF calls > p_limit THEN
        INSERT INTO rate_limited_hours AS h (subject, begins_at, calls) VALUES (p_subject, date_trunc('hour', begins), 1)
          ON CONFLICT (subject, begins_at) DO UPDATE SET calls = h.calls + 1;
    END IF;
END
$$;
