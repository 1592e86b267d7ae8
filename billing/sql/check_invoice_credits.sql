-- What the credit notes that stand take back of an invoice: its own sums, and of no rate more tax than it has. That no tax stays
-- behind of what is taken back in full is a rule for each new note (billing/money.py), not for what is left when one is void.
CREATE OR REPLACE FUNCTION billing_check_invoice_credits(wanted uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
REVOKE EXECUTE ON FUNCTION billing_check_invoice_credits(uuid) FROM PUBLIC;
