-- What lies unused in shares is free again before they go.
UPDATE messaging_dailyusage u SET recipients = u.recipients - s.unused
FROM (
  SELECT company_id, mode, channel, day, sum(unused)::int AS unused FROM messaging_dailyshare GROUP BY company_id, mode, channel, day
) s
WHERE s.company_id = u.company_id AND s.mode = u.mode AND s.channel = u.channel AND s.day = u.day;
DROP FUNCTION messaging_count_recipients(uuid, text, text, date, int, int, uuid, uuid, timestamptz);
DROP FUNCTION messaging_counted_recipients(uuid, text, text, date);
