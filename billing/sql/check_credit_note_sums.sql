-- The totals of a credit note are the sums of its lines, which are of its own invoice.
CREATE OR REPLACE FUNCTION billing_check_credit_note_sums(wanted uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
REVOKE EXECUTE ON FUNCTION billing_check_credit_note_sums(uuid) FROM PUBLIC;
