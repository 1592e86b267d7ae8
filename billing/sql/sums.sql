-- Sums are compared at the end of the transaction, and only those that a write can have changed. One function says which: what a
-- guard (invariants.sql, after_issue.sql) keeps from changing is not compared again.
DROP TRIGGER sums ON billing_creditnoteline;
DROP TRIGGER sums ON billing_creditnote;
DROP TRIGGER sums ON billing_offplatformpayment;
DROP TRIGGER sums ON billing_refund;
DROP TRIGGER sums ON billing_charge;
DROP FUNCTION billing_check_issued_sums();
DROP FUNCTION billing_check_credit_notes(uuid);

-- What an invoice and its lines come to; tax is rounded for each rate (billing/money.py).
CREATE OR REPLACE FUNCTION billing_check_invoice_sums(wanted uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found billing_invoice;
    lines record;
BEGIN
    SELECT * INTO found FROM billing_invoice WHERE id = wanted;
    IF found.id IS NULL THEN
        RETURN;
    END IF;
    SELECT count(*) AS number, coalesce(sum(amount), 0) AS amount, coalesce(sum(discount_share), 0) AS discount,
           coalesce(sum(tax), 0) AS tax
        INTO lines FROM billing_invoiceline
        WHERE company_id = found.company_id AND mode = found.mode AND invoice_id = found.id;
    IF (found.subtotal + CASE WHEN found.prices_include_tax THEN found.tax ELSE 0 END, found.discount_amount, found.tax)
        IS DISTINCT FROM (lines.amount - lines.discount, lines.discount, lines.tax)
    THEN
        RAISE EXCEPTION 'the totals of an invoice are the sums of its lines'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_totals';
    END IF;
    IF found.tax_per_rate AND EXISTS (
        SELECT 1 FROM (
            SELECT tax_rate_bps::numeric AS rate, sum(amount - discount_share)::numeric AS taxed, sum(tax) AS tax
            FROM billing_invoiceline
            WHERE company_id = found.company_id AND mode = found.mode AND invoice_id = found.id
            GROUP BY tax_rate_bps
        ) rates
        -- Whole numbers throughout: half up is (2a + b) / 2b, rounded down.
        WHERE rates.tax <> CASE
            WHEN found.tax_exempt <> 'none' THEN 0
            WHEN found.prices_include_tax THEN div(2 * taxed * rate + 10000 + rate, 2 * (10000 + rate))
            ELSE div(2 * taxed * rate + 10000, 20000)
        END
    ) THEN
        RAISE EXCEPTION 'tax is rounded once for each rate'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_tax_per_rate';
    END IF;
    IF found.status <> 'draft' AND lines.number = 0 THEN
        RAISE EXCEPTION 'a finalized invoice has lines'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_has_lines';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION billing_check_invoice_payments(wanted uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found billing_invoice;
    charges record;
    payments bigint;
BEGIN
    SELECT * INTO found FROM billing_invoice WHERE id = wanted;
    IF found.id IS NULL THEN
        RETURN;
    END IF;
    SELECT coalesce(sum(amount) FILTER (WHERE status = 'succeeded'), 0) AS paid,
           coalesce(sum(amount) FILTER (WHERE status = 'pending'), 0) AS pending,
           coalesce(sum(amount_refunded), 0) AS refunded,
           coalesce(bool_and(currency = found.currency), true) AS same_currency
        INTO charges FROM billing_charge
        WHERE company_id = found.company_id AND mode = found.mode AND invoice_id = found.id;
    SELECT coalesce(sum(amount), 0) INTO payments FROM billing_offplatformpayment
        WHERE company_id = found.company_id AND mode = found.mode AND invoice_id = found.id AND undone_at IS NULL;
    IF (found.amount_paid, found.amount_pending, found.amount_refunded)
        IS DISTINCT FROM (charges.paid + payments, charges.pending, charges.refunded) OR NOT charges.same_currency
    THEN
        RAISE EXCEPTION 'what an invoice counts as paid is the sum of its charges and payments'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_charges';
    END IF;
END $$;

-- What the credit notes that stand take back of an invoice: its own sums, and of no rate more tax than it has. That no tax stays
-- behind of what is taken back in full is a rule for each new note (billing/money.py), not for what is left when one is void.
CREATE FUNCTION billing_check_invoice_credits(wanted uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found billing_invoice;
    credits record;
BEGIN
    SELECT * INTO found FROM billing_invoice WHERE id = wanted;
    IF found.id IS NULL THEN
        RETURN;
    END IF;
    SELECT coalesce(sum(pre_payment_amount), 0) AS before, coalesce(sum(post_payment_amount), 0) AS after
        INTO credits FROM billing_creditnote
        WHERE company_id = found.company_id AND mode = found.mode AND invoice_id = found.id AND status = 'issued';
    IF (found.pre_payment_credit, found.post_payment_credit) IS DISTINCT FROM (credits.before, credits.after) THEN
        RAISE EXCEPTION 'what an invoice counts as credited is the sum of its credit notes'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_credits';
    END IF;
    IF EXISTS (
        SELECT 1 FROM (
            SELECT line.tax_rate_bps, sum(own.tax) AS tax
            FROM billing_creditnote note
                JOIN billing_creditnoteline own
                    ON own.company_id = note.company_id AND own.mode = note.mode AND own.credit_note_id = note.id
                JOIN billing_invoiceline line ON line.id = own.invoice_line_id
            WHERE note.company_id = found.company_id AND note.mode = found.mode AND note.invoice_id = found.id
                AND note.status = 'issued'
            GROUP BY line.tax_rate_bps
        ) credited
        WHERE credited.tax > (
            SELECT sum(tax) FROM billing_invoiceline
            WHERE company_id = found.company_id AND mode = found.mode AND invoice_id = found.id
                AND tax_rate_bps = credited.tax_rate_bps
        )
    ) THEN
        RAISE EXCEPTION 'credit notes take back at most what the invoice has'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_creditnote_never_overcredited';
    END IF;
END $$;

CREATE FUNCTION billing_check_credit_note_sums(wanted uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    note billing_creditnote;
    includes_tax boolean;
    lines record;
BEGIN
    SELECT * INTO note FROM billing_creditnote WHERE id = wanted;
    SELECT prices_include_tax INTO includes_tax FROM billing_invoice WHERE id = note.invoice_id;
    SELECT coalesce(sum(own.amount), 0) AS amount, coalesce(sum(own.tax), 0) AS tax,
           coalesce(bool_and(line.invoice_id = note.invoice_id), true) AS same_invoice
        INTO lines FROM billing_creditnoteline own LEFT JOIN billing_invoiceline line ON line.id = own.invoice_line_id
        WHERE own.company_id = note.company_id AND own.mode = note.mode AND own.credit_note_id = note.id;
    IF NOT lines.same_invoice THEN
        RAISE EXCEPTION 'a credit note takes back lines of its own invoice'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_creditnote_lines';
    END IF;
    IF (note.tax, note.total) IS DISTINCT FROM (lines.tax, lines.amount + CASE WHEN includes_tax THEN 0 ELSE lines.tax END) THEN
        RAISE EXCEPTION 'the totals of a credit note are the sums of its lines'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_creditnote_totals';
    END IF;
END $$;

CREATE FUNCTION billing_check_line_credits(wanted uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    line billing_invoiceline;
    credited record;
BEGIN
    SELECT * INTO line FROM billing_invoiceline WHERE id = wanted;
    SELECT sum(own.amount) AS amount, sum(own.quantity) AS quantity
        INTO credited FROM billing_creditnoteline own
            JOIN billing_creditnote note ON note.id = own.credit_note_id AND note.status = 'issued'
        WHERE own.company_id = line.company_id AND own.mode = line.mode AND own.invoice_line_id = line.id;
    IF credited.amount > line.amount - line.discount_share OR credited.quantity > line.quantity THEN
        RAISE EXCEPTION 'credit notes take back at most what the invoice has'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_creditnote_never_overcredited';
    END IF;
END $$;

REVOKE EXECUTE ON FUNCTION billing_check_invoice_credits(uuid), billing_check_credit_note_sums(uuid),
    billing_check_line_credits(uuid) FROM PUBLIC;

-- OLD is null at an INSERT, so that everything of a new row is distinct from it.
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
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE OF status, amount_refunded, amount_refund_pending ON billing_charge
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE OF status ON billing_refund
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE OF undone_at ON billing_offplatformpayment
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE OF status ON billing_creditnote
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT ON billing_creditnoteline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
