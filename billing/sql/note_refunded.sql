-- What an invoice counts as refunded follows its charges, whichever release writes them.
CREATE OR REPLACE FUNCTION billing_note_refunded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE billing_invoice SET amount_refunded = amount_refunded + NEW.amount_refunded - OLD.amount_refunded
        WHERE company_id = NEW.company_id AND mode = NEW.mode AND id = NEW.invoice_id;
    RETURN NULL;
END $$;
