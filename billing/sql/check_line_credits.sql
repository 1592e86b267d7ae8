-- Credit notes take back at most what a line has.
CREATE OR REPLACE FUNCTION billing_check_line_credits(wanted uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
REVOKE EXECUTE ON FUNCTION billing_check_line_credits(uuid) FROM PUBLIC;
