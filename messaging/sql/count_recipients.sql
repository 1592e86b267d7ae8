-- Counts the recipients of a message against the cap of a channel's day, exactly, without making every sender of a company wait for
-- the one before (messaging/services/caps.py). Returns the count of the day with them; NULL when they do not fit.
--
-- messaging_dailyusage has the day's count, and with it what was set aside for shares; messaging_dailyshare has what of that is unused.
-- Whoever finds the count's row locked by another transaction takes from a share that nobody has locked, so that only one in many
-- waits. Towards the end of the cap, what lies unused is added up again, and the one row counts alone.
--
-- Locks are taken in one order: the count's row, then the shares. A share that is taken first is taken without waiting, and whoever waits
-- for the count's row holds none: SKIP LOCKED keeps the lock of a share that turns out to have too little left, if another transaction
-- has just changed it, so looking in vain is rolled back.
CREATE OR REPLACE FUNCTION messaging_count_recipients(
  for_company uuid, for_mode text, for_channel text, for_day date, wanted int, cap int, new_id uuid, share_id uuid, moment timestamptz
) RETURNS int LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  smallest constant int := 16;  -- a share of fewer would not save a wait
  most_shares constant int := 16;
  piece int := cap / 128;
  is_free boolean := false;
  is_there boolean := false;
  counted int;
  spare int;
BEGIN
  SELECT true, recipients INTO is_free, counted FROM messaging_dailyusage
    WHERE company_id = for_company AND mode = for_mode AND channel = for_channel AND day = for_day FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    is_free := false;
    -- A cap that was lowered below the count gives nothing out any more.
    SELECT recipients <= cap INTO is_there FROM messaging_dailyusage
      WHERE company_id = for_company AND mode = for_mode AND channel = for_channel AND day = for_day;
    IF is_there THEN
      BEGIN
        UPDATE messaging_dailyshare SET unused = unused - wanted WHERE id = (
          SELECT id FROM messaging_dailyshare
          WHERE company_id = for_company AND mode = for_mode AND channel = for_channel AND day = for_day AND unused >= wanted
          ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
        );
        IF FOUND THEN
          RETURN messaging_counted_recipients(for_company, for_mode, for_channel, for_day);
        END IF;
        RAISE no_data_found;
      EXCEPTION WHEN no_data_found THEN
        NULL;
      END;
    END IF;
    INSERT INTO messaging_dailyusage (id, company_id, mode, created, channel, day, recipients)
      VALUES (new_id, for_company, for_mode, moment, for_channel, for_day, 0)
      ON CONFLICT (company_id, mode, channel, day) DO NOTHING;
    SELECT recipients INTO counted FROM messaging_dailyusage
      WHERE company_id = for_company AND mode = for_mode AND channel = for_channel AND day = for_day FOR UPDATE;
  END IF;
  IF counted + wanted > cap THEN
    SELECT coalesce(sum(unused), 0) INTO spare FROM (
      SELECT unused FROM messaging_dailyshare
      WHERE company_id = for_company AND mode = for_mode AND channel = for_channel AND day = for_day ORDER BY id FOR UPDATE
    ) AS shares;
    IF counted - spare + wanted > cap THEN
      RETURN NULL;
    END IF;
    DELETE FROM messaging_dailyshare
      WHERE company_id = for_company AND mode = for_mode AND channel = for_channel AND day = for_day;
    counted := counted - spare;
  ELSIF NOT is_free AND is_there AND piece >= smallest AND counted + wanted + piece <= cap THEN
    -- It had to wait: the next ones shall find a share.
    UPDATE messaging_dailyshare SET unused = unused + piece WHERE id = (
      SELECT id FROM messaging_dailyshare
      WHERE company_id = for_company AND mode = for_mode AND channel = for_channel AND day = for_day AND unused < wanted
      ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
    );
    IF NOT FOUND THEN
      INSERT INTO messaging_dailyshare (id, company_id, mode, created, channel, day, unused)
        SELECT share_id, for_company, for_mode, moment, for_channel, for_day, piece
        WHERE (SELECT count(*) FROM messaging_dailyshare
               WHERE company_id = for_company AND mode = for_mode AND channel = for_channel AND day = for_day) < most_shares;
    END IF;
    IF FOUND THEN
      counted := counted + piece;
    END IF;
  END IF;
  UPDATE messaging_dailyusage SET recipients = counted + wanted
    WHERE company_id = for_company AND mode = for_mode AND channel = for_channel AND day = for_day;
  RETURN messaging_counted_recipients(for_company, for_mode, for_channel, for_day);
END
$$;
