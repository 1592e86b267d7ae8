-- Payments, credit notes and links are never deleted. Each is taken back at most once, and changes in nothing else.
CREATE OR REPLACE FUNCTION billing_guard_issued() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    free CONSTANT text[] := ARRAY['metadata', 'updated'];
    -- What takes the row back: the moment, and with it whatever else says so.
    moment CONSTANT text := TG_ARGV[0];
    taken_back CONSTANT text[] := TG_ARGV;
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - free IS NOT DISTINCT FROM to_jsonb(OLD) - free THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND to_jsonb(OLD) ->> moment IS NULL AND to_jsonb(NEW) ->> moment IS NOT NULL
        AND to_jsonb(NEW) - free - taken_back IS NOT DISTINCT FROM to_jsonb(OLD) - free - taken_back
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was issued is never deleted, and is taken back at most once'
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_immutable';
END $$;
