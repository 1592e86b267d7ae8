-- What an invoice counts as paid is the sum of its charges and of the payments past the gateway.
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
REVOKE EXECUTE ON FUNCTION billing_check_invoice_payments(uuid) FROM PUBLIC;
