-- Each credit note takes the number that was just counted.
CREATE OR REPLACE FUNCTION billing_guard_credit_note_number() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.sequence IS DISTINCT FROM (
        SELECT last_number FROM billing_creditnotecounter WHERE company_id = NEW.company_id AND mode = NEW.mode
    ) THEN
        RAISE EXCEPTION 'a credit note takes the number that was just counted'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_creditnote_next_number';
    END IF;
    RETURN NEW;
END $$;
