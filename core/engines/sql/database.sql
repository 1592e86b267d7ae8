-- Rights inside Pomelo's database; run it connected to that database, after roles.sql. Safe to run again.
DO $database$
BEGIN
  EXECUTE format('ALTER DATABASE %I OWNER TO "owner"', current_database());
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO "app"', current_database());
  EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO "system"', current_database());
END
$database$;

ALTER SCHEMA public OWNER TO "owner";
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO "app", "system";

-- What owner makes from now on, app and system may use; narrower tables revoke in their own migration (docs/architecture.md, Tenancy).
ALTER DEFAULT PRIVILEGES FOR ROLE "owner" IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "app", "system";
ALTER DEFAULT PRIVILEGES FOR ROLE "owner" IN SCHEMA public
  GRANT USAGE, SELECT ON SEQUENCES TO "app", "system";
