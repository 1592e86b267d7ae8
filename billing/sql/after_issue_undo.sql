-- Back to billing/sql/invariants.sql, immutable_by_default.sql and tax_per_rate.sql, as they were.
DROP TRIGGER sums ON billing_creditnoteline;
DROP TRIGGER sums ON billing_creditnote;
DROP TRIGGER sums ON billing_offplatformpayment;
DROP FUNCTION billing_check_issued_sums();
DROP TRIGGER refunded ON billing_charge;
DROP FUNCTION billing_note_refunded();
DROP TRIGGER number ON billing_creditnote;
DROP FUNCTION billing_guard_credit_note_number();
DROP TRIGGER guard ON billing_creditnotecounter;
DROP TRIGGER guard ON billing_creditnoteline;
DROP FUNCTION billing_guard_credit_note_line();
DROP TRIGGER guard ON billing_invoicelink;
DROP TRIGGER guard ON billing_offplatformpayment;
DROP TRIGGER guard ON billing_creditnote;
DROP FUNCTION billing_guard_issued();
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
DROP FUNCTION billing_check_credit_notes(uuid);
DROP FUNCTION billing_check_invoice_payments(uuid);
CREATE OR REPLACE FUNCTION billing_guard_charge() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE'
        AND (NEW.id, NEW.company_id, NEW.mode, NEW.created, NEW.customer_id, NEW.invoice_id, NEW.amount, NEW.currency,
             NEW.payment_method, NEW.gateway, NEW.metadata)
            IS NOT DISTINCT FROM
            (OLD.id, OLD.company_id, OLD.mode, OLD.created, OLD.customer_id, OLD.invoice_id, OLD.amount, OLD.currency,
             OLD.payment_method, OLD.gateway, OLD.metadata)
        AND (OLD.status = 'pending'
             OR (NEW.status, NEW.failure_code, NEW.failure_message, NEW.gateway_reference, NEW.settled_at)
                IS NOT DISTINCT FROM
                (OLD.status, OLD.failure_code, OLD.failure_message, OLD.gateway_reference, OLD.settled_at))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a charge is never deleted, and once settled stays as it is'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_charge_immutable';
END $$;
CREATE OR REPLACE FUNCTION billing_guard_refund() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE'
        AND (NEW.id, NEW.company_id, NEW.mode, NEW.created, NEW.charge_id, NEW.amount, NEW.gateway)
            IS NOT DISTINCT FROM
            (OLD.id, OLD.company_id, OLD.mode, OLD.created, OLD.charge_id, OLD.amount, OLD.gateway)
        AND (OLD.status = 'pending'
             OR (NEW.status, NEW.failure_code, NEW.failure_message, NEW.gateway_reference, NEW.settled_at)
                IS NOT DISTINCT FROM
                (OLD.status, OLD.failure_code, OLD.failure_message, OLD.gateway_reference, OLD.settled_at))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a refund is never deleted, and once settled stays as it is'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_refund_immutable';
END $$;
CREATE OR REPLACE FUNCTION billing_guard_invoice() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    payment CONSTANT text[] := ARRAY['amount_paid', 'amount_pending', 'paid_at', 'voided_at', 'marked_uncollectible_at'];
    free CONSTANT text[] := ARRAY['status', 'metadata', 'updated'];
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.status <> 'draft' THEN
            RAISE EXCEPTION 'a finalized invoice is never deleted'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_immutable';
        END IF;
        RETURN OLD;
    END IF;
    IF (NEW.id, NEW.company_id, NEW.mode, NEW.created) IS DISTINCT FROM (OLD.id, OLD.company_id, OLD.mode, OLD.created) THEN
        RAISE EXCEPTION 'an invoice keeps its identity'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_immutable';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('draft', 'open'), ('draft', 'paid'), ('open', 'paid'), ('open', 'void'), ('open', 'uncollectible')
    ) THEN
        RAISE EXCEPTION 'an invoice does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_life_cycle';
    END IF;
    IF OLD.status = 'draft' THEN
        IF NEW.status <> 'draft' AND NEW.sequence IS DISTINCT FROM (
            SELECT last_number FROM billing_invoicecounter WHERE company_id = NEW.company_id AND mode = NEW.mode
        ) THEN
            RAISE EXCEPTION 'an invoice takes the number that was just counted'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_next_number';
        END IF;
        RETURN NEW;
    END IF;
    IF to_jsonb(NEW) - free - payment IS DISTINCT FROM to_jsonb(OLD) - free - payment THEN
        RAISE EXCEPTION 'a finalized invoice does not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_immutable';
    END IF;
    IF OLD.status <> 'open' AND to_jsonb(NEW) - free IS DISTINCT FROM to_jsonb(OLD) - free THEN
        RAISE EXCEPTION 'a closed invoice does not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_immutable';
    END IF;
    RETURN NEW;
END $$;
