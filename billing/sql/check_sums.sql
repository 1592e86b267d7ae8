-- Sums are compared at the end of the transaction, and only those that a write can have changed: what a guard keeps from changing is
-- not compared again. OLD is null at an INSERT, so that everything of a new row is distinct from it.
CREATE OR REPLACE FUNCTION billing_check_sums() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'billing_invoice' THEN
        IF (NEW.status = 'draft', NEW.subtotal, NEW.tax, NEW.discount_amount, NEW.prices_include_tax, NEW.tax_exempt, NEW.tax_per_rate)
            IS DISTINCT FROM
            (OLD.status = 'draft', OLD.subtotal, OLD.tax, OLD.discount_amount, OLD.prices_include_tax, OLD.tax_exempt, OLD.tax_per_rate)
        THEN
            PERFORM billing_check_invoice_sums(NEW.id);
        END IF;
        IF (NEW.amount_paid, NEW.amount_pending, NEW.amount_refunded)
            IS DISTINCT FROM (OLD.amount_paid, OLD.amount_pending, OLD.amount_refunded)
        THEN
            PERFORM billing_check_invoice_payments(NEW.id);
        END IF;
        IF (NEW.pre_payment_credit, NEW.post_payment_credit)
            IS DISTINCT FROM (OLD.pre_payment_credit, OLD.post_payment_credit)
        THEN
            PERFORM billing_check_invoice_credits(NEW.id);
        END IF;
    ELSIF TG_TABLE_NAME = 'billing_invoiceline' THEN
        PERFORM billing_check_invoice_sums(CASE WHEN TG_OP = 'DELETE' THEN OLD.invoice_id ELSE NEW.invoice_id END);
    ELSIF TG_TABLE_NAME = 'billing_charge' THEN
        PERFORM billing_check_charge_sums(NEW.id);
        IF NEW.invoice_id IS NOT NULL THEN
            PERFORM billing_check_invoice_payments(NEW.invoice_id);
        END IF;
    ELSIF TG_TABLE_NAME = 'billing_refund' THEN
        PERFORM billing_check_charge_sums(NEW.charge_id);
    ELSIF TG_TABLE_NAME = 'billing_offplatformpayment' THEN
        PERFORM billing_check_invoice_payments(NEW.invoice_id);
    ELSIF TG_TABLE_NAME = 'billing_creditnote' THEN
        PERFORM billing_check_credit_note_sums(NEW.id);
        PERFORM billing_check_invoice_credits(NEW.invoice_id);
    ELSE
        PERFORM billing_check_credit_note_sums(NEW.credit_note_id);
        PERFORM billing_check_line_credits(NEW.invoice_line_id);
    END IF;
    RETURN NULL;
END $$;
