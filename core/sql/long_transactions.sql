-- Who keeps a transaction open, for the alarm: owner may see it (core/engines/sql/roles.sql), and tells app and system no more than this.
CREATE OR REPLACE FUNCTION core_long_transactions(older_than interval)
RETURNS TABLE (kind text, pid integer, name text, database text, account text, seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT 'open', a.pid, a.application_name, a.datname::text, a.usename::text,
    extract(epoch FROM clock_timestamp() - a.xact_start)::float8
  FROM pg_stat_activity a
  WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
    AND a.xact_start < clock_timestamp() - older_than
  UNION ALL
  SELECT 'prepared', NULL, p.gid, p.database::text, p.owner::text,
    extract(epoch FROM clock_timestamp() - p.prepared)::float8
  FROM pg_prepared_xacts p
  WHERE p.prepared < clock_timestamp() - older_than
  ORDER BY 6 DESC
$$;
REVOKE ALL ON FUNCTION core_long_transactions(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core_long_transactions(interval) TO app, system;
