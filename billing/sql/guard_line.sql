-- Lines belong to drafts. The row lock keeps a line from slipping in beside a finalization.
CREATE OR REPLACE FUNCTION billing_guard_line() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    changed billing_invoiceline := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    parent_status text;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.invoice_id <> OLD.invoice_id THEN
        RAISE EXCEPTION 'a line stays on its invoice'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_immutable';
    END IF;
    SELECT status INTO parent_status FROM billing_invoice WHERE id = changed.invoice_id FOR NO KEY UPDATE;
    IF parent_status <> 'draft' THEN
        RAISE EXCEPTION 'a finalized invoice does not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_immutable';
    END IF;
    RETURN changed;
END $$;
