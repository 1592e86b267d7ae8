-- Numbers of invoices and of credit notes are counted one by one.
CREATE OR REPLACE FUNCTION billing_guard_counter() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.last_number = 0 THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.last_number = OLD.last_number + 1
        AND (NEW.id, NEW.company_id, NEW.mode) = (OLD.id, OLD.company_id, OLD.mode)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'invoice numbers are counted one by one'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoicecounter_steps';
END $$;
