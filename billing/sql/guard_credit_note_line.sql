-- A line of a credit note stays as it was issued.
CREATE OR REPLACE FUNCTION billing_guard_credit_note_line() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a line of a credit note does not change'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_creditnoteline_immutable';
END $$;
