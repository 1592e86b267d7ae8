-- What an invoice and its lines come to; tax is rounded for each rate (billing/money.py). `tax_per_rate` is false for invoices whose
-- tax was rounded line by line.
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
REVOKE EXECUTE ON FUNCTION billing_check_invoice_sums(uuid) FROM PUBLIC;
