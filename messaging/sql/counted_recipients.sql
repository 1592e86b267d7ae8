-- What a channel's day has counted: without what lies unused in shares. One statement, so both are of one moment.
CREATE OR REPLACE FUNCTION messaging_counted_recipients(for_company uuid, for_mode text, for_channel text, for_day date)
RETURNS int LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT (
    coalesce((SELECT recipients FROM messaging_dailyusage
              WHERE company_id = for_company AND mode = for_mode AND channel = for_channel AND day = for_day), 0)
    - coalesce((SELECT sum(unused) FROM messaging_dailyshare
                WHERE company_id = for_company AND mode = for_mode AND channel = for_channel AND day = for_day), 0)
  )::int
$$;
