-- The three roles of Pomelo, for a PostgreSQL >= 15 of your own. Safe to run again.
--
--   PGOPTIONS="-c pomelo.owner_password=… -c pomelo.app_password=…" \
--     psql -v ON_ERROR_STOP=1 -f core/engines/sql/roles.sql "postgresql://superuser@host/postgres"
--   createdb --owner=owner pomelo
--   psql -v ON_ERROR_STOP=1 -f core/engines/sql/database.sql "postgresql://superuser@host/pomelo"
--
-- owner   owns the tables; runs migrations, makes partitions and backups; the running application never uses it
-- app     what the application signs in as; owns nothing, is no superuser, and row-level security binds it
-- system  nobody signs in as it; app steps into it by SET ROLE for work on behalf of no single company
--
-- A password that is not given is left as it is.
DO $roles$
DECLARE
  secret text;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'owner') THEN
    CREATE ROLE "owner";
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') THEN
    CREATE ROLE "app";
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'system') THEN
    CREATE ROLE "system";
  END IF;

  ALTER ROLE "owner" LOGIN NOCREATEDB NOCREATEROLE;
  ALTER ROLE "app" LOGIN NOCREATEDB NOCREATEROLE;
  ALTER ROLE "system" NOLOGIN NOCREATEDB NOCREATEROLE;
  -- Only a superuser may say these aloud; a role made by anybody else has none of them to begin with.
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    ALTER ROLE "owner" NOSUPERUSER NOBYPASSRLS NOREPLICATION;
    ALTER ROLE "app" NOSUPERUSER NOBYPASSRLS NOREPLICATION;
    ALTER ROLE "system" NOSUPERUSER NOBYPASSRLS NOREPLICATION;
  ELSE
    -- A managed service's administrator must belong to owner to make its database and default privileges.
    EXECUTE format('GRANT "owner" TO %I', current_user);
  END IF;

  -- app may step into system, but does not hold its rights until it does.
  IF current_setting('server_version_num')::int >= 160000 THEN
    EXECUTE 'GRANT "system" TO "app" WITH INHERIT FALSE, SET TRUE';
  ELSE
    ALTER ROLE "app" NOINHERIT;
    GRANT "system" TO "app";
  END IF;

  -- What takes longer than this has gone wrong, and must not hold others up: a statement, a wait for a lock, a transaction
  -- whose program says nothing any more. Migrations and backups (owner) may take their time, but not queue for a lock for long:
  -- everything else would queue behind them.
  ALTER ROLE "app" SET statement_timeout = '60s';
  ALTER ROLE "app" SET lock_timeout = '10s';
  ALTER ROLE "app" SET idle_in_transaction_session_timeout = '60s';
  ALTER ROLE "owner" SET lock_timeout = '30s';

  -- owner sees how long transactions of the whole server are open; the alarm asks a function of its (core/background/watch.py).
  BEGIN
    GRANT pg_read_all_stats TO "owner";
  EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'owner was not granted pg_read_all_stats: the alarm knows the ages of its own transactions only';
  END;

  FOREACH secret IN ARRAY ARRAY['owner', 'app'] LOOP
    IF coalesce(current_setting('pomelo.' || secret || '_password', true), '') <> '' THEN
      EXECUTE format('ALTER ROLE %I PASSWORD %L', secret, current_setting('pomelo.' || secret || '_password'));
    END IF;
  END LOOP;
END
$roles$;
