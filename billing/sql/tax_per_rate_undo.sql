CREATE OR REPLACE FUNCTION billing_check_invoice_sums(wanted uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found billing_invoice;
    lines record;
    charges record;
BEGIN
    SELECT * INTO found FROM billing_invoice WHERE id = wanted;
    IF found.id IS NULL THEN
        RETURN;
    END IF;
    SELECT count(*) AS number, coalesce(sum(amount), 0) AS subtotal, coalesce(sum(tax), 0) AS tax
        INTO lines FROM billing_invoiceline
        WHERE company_id = found.company_id AND mode = found.mode AND invoice_id = found.id;
    IF (found.subtotal, found.tax) IS DISTINCT FROM (lines.subtotal, lines.tax) THEN
        RAISE EXCEPTION 'the totals of an invoice are the sums of its lines'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_totals';
    END IF;
    IF found.status <> 'draft' AND lines.number = 0 THEN
        RAISE EXCEPTION 'a finalized invoice has lines'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_has_lines';
    END IF;
    SELECT coalesce(sum(amount) FILTER (WHERE status = 'succeeded'), 0) AS paid,
           coalesce(sum(amount) FILTER (WHERE status = 'pending'), 0) AS pending,
           coalesce(bool_and(currency = found.currency), true) AS same_currency
        INTO charges FROM billing_charge
        WHERE company_id = found.company_id AND mode = found.mode AND invoice_id = found.id;
    IF (found.amount_paid, found.amount_pending) IS DISTINCT FROM (charges.paid, charges.pending)
        OR NOT charges.same_currency
    THEN
        RAISE EXCEPTION 'what an invoice counts as paid is the sum of its charges'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_charges';
    END IF;
END $$;
