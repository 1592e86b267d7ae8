-- What may still happen to an invoice that was issued: it is paid past the gateway, credited, refunded; and taken back again.

-- 1. Of a finalized invoice everything stays as it is but what is named here, columns that are added later too.
CREATE OR REPLACE FUNCTION billing_guard_invoice() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    payment CONSTANT text[] := ARRAY['amount_paid', 'amount_pending', 'pre_payment_credit', 'paid_at', 'voided_at', 'marked_uncollectible_at'];
    free CONSTANT text[] := ARRAY['status', 'metadata', 'updated', 'amount_refunded', 'post_payment_credit', 'overdue_at'];
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
        ('draft', 'open'), ('draft', 'paid'), ('open', 'paid'), ('open', 'void'), ('open', 'uncollectible'), ('paid', 'open')
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
    IF to_jsonb(NEW) - free - payment IS DISTINCT FROM to_jsonb(OLD) - free - payment
        OR (OLD.overdue_at IS NOT NULL AND NEW.overdue_at IS DISTINCT FROM OLD.overdue_at)
    THEN
        RAISE EXCEPTION 'a finalized invoice does not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_immutable';
    END IF;
    IF OLD.status <> 'open' AND NEW.status <> 'open' AND to_jsonb(NEW) - free IS DISTINCT FROM to_jsonb(OLD) - free THEN
        RAISE EXCEPTION 'a closed invoice does not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_immutable';
    END IF;
    RETURN NEW;
END $$;

-- 2. Metadata stays free on what is final.
CREATE OR REPLACE FUNCTION billing_guard_charge() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE'
        AND (NEW.id, NEW.company_id, NEW.mode, NEW.created, NEW.customer_id, NEW.invoice_id, NEW.amount, NEW.currency,
             NEW.payment_method, NEW.gateway)
            IS NOT DISTINCT FROM
            (OLD.id, OLD.company_id, OLD.mode, OLD.created, OLD.customer_id, OLD.invoice_id, OLD.amount, OLD.currency,
             OLD.payment_method, OLD.gateway)
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
        AND (NEW.id, NEW.company_id, NEW.mode, NEW.created, NEW.charge_id, NEW.amount, NEW.gateway, NEW.reason)
            IS NOT DISTINCT FROM
            (OLD.id, OLD.company_id, OLD.mode, OLD.created, OLD.charge_id, OLD.amount, OLD.gateway, OLD.reason)
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

-- 3. Payments, credit notes and links are never deleted. Each is taken back at most once, and changes in nothing else.
CREATE FUNCTION billing_guard_issued() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    free CONSTANT text[] := ARRAY['metadata', 'updated'];
    -- What takes the row back: the moment, and with it whatever else says so.
    moment CONSTANT text := TG_ARGV[0];
    taken_back CONSTANT text[] := TG_ARGV;
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - free IS NOT DISTINCT FROM to_jsonb(OLD) - free THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND to_jsonb(OLD) ->> moment IS NULL AND to_jsonb(NEW) ->> moment IS NOT NULL
        AND to_jsonb(NEW) - free - taken_back IS NOT DISTINCT FROM to_jsonb(OLD) - free - taken_back
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was issued is never deleted, and is taken back at most once'
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_immutable';
END $$;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_creditnote
    FOR EACH ROW EXECUTE FUNCTION billing_guard_issued('voided_at', 'status', 'void_reason');
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_offplatformpayment
    FOR EACH ROW EXECUTE FUNCTION billing_guard_issued('undone_at', 'undo_reason');
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_invoicelink
    FOR EACH ROW EXECUTE FUNCTION billing_guard_issued('revoked_at');

CREATE FUNCTION billing_guard_credit_note_line() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a line of a credit note does not change'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_creditnoteline_immutable';
END $$;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_creditnoteline
    FOR EACH ROW EXECUTE FUNCTION billing_guard_credit_note_line();

-- 4. Numbers of credit notes are counted one by one, and each note takes the one that was just counted.
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON billing_creditnotecounter
    FOR EACH ROW EXECUTE FUNCTION billing_guard_counter();

CREATE FUNCTION billing_guard_credit_note_number() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.sequence IS DISTINCT FROM (
        SELECT last_number FROM billing_creditnotecounter WHERE company_id = NEW.company_id AND mode = NEW.mode
    ) THEN
        RAISE EXCEPTION 'a credit note takes the number that was just counted'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_creditnote_next_number';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER number BEFORE INSERT ON billing_creditnote
    FOR EACH ROW EXECUTE FUNCTION billing_guard_credit_note_number();

-- 5. What an invoice counts as refunded follows its charges, whichever release writes them.
CREATE FUNCTION billing_note_refunded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE billing_invoice SET amount_refunded = amount_refunded + NEW.amount_refunded - OLD.amount_refunded
        WHERE company_id = NEW.company_id AND mode = NEW.mode AND id = NEW.invoice_id;
    RETURN NULL;
END $$;
CREATE TRIGGER refunded AFTER UPDATE ON billing_charge FOR EACH ROW
    WHEN (NEW.invoice_id IS NOT NULL AND NEW.amount_refunded <> OLD.amount_refunded)
    EXECUTE FUNCTION billing_note_refunded();

UPDATE billing_invoice SET amount_refunded = found.amount
    FROM (
        SELECT invoice_id, sum(amount_refunded) AS amount FROM billing_charge
        WHERE invoice_id IS NOT NULL GROUP BY invoice_id
    ) found
    WHERE found.invoice_id = billing_invoice.id AND found.amount > 0;

-- 6. Sums, checked at the end of the transaction. Those of an invoice's own lines and tax are in billing/sql/tax_per_rate.sql.
CREATE FUNCTION billing_check_invoice_payments(wanted uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found billing_invoice;
    charges record;
    payments bigint;
    credits record;
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
    SELECT coalesce(sum(pre_payment_amount), 0) AS before, coalesce(sum(post_payment_amount), 0) AS after
        INTO credits FROM billing_creditnote
        WHERE company_id = found.company_id AND mode = found.mode AND invoice_id = found.id AND status = 'issued';
    IF (found.pre_payment_credit, found.post_payment_credit) IS DISTINCT FROM (credits.before, credits.after) THEN
        RAISE EXCEPTION 'what an invoice counts as credited is the sum of its credit notes'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_credits';
    END IF;
END $$;

CREATE FUNCTION billing_check_credit_notes(wanted uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found billing_invoice;
BEGIN
    SELECT * INTO found FROM billing_invoice WHERE id = wanted;
    IF EXISTS (
        SELECT 1 FROM billing_creditnote note LEFT JOIN LATERAL (
            SELECT coalesce(sum(amount), 0) AS amount, coalesce(sum(tax), 0) AS tax FROM billing_creditnoteline
            WHERE company_id = note.company_id AND mode = note.mode AND credit_note_id = note.id
        ) lines ON true
        WHERE note.company_id = found.company_id AND note.mode = found.mode AND note.invoice_id = found.id
            AND (note.tax, note.subtotal + CASE WHEN found.prices_include_tax THEN note.tax ELSE 0 END)
                IS DISTINCT FROM (lines.tax, lines.amount)
    ) THEN
        RAISE EXCEPTION 'the totals of a credit note are the sums of its lines'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_creditnote_totals';
    END IF;
    IF EXISTS (
        SELECT 1 FROM billing_creditnoteline own
            JOIN billing_creditnote note ON note.id = own.credit_note_id
            LEFT JOIN billing_invoiceline line ON line.id = own.invoice_line_id
        WHERE note.company_id = found.company_id AND note.mode = found.mode AND note.invoice_id = found.id
            AND line.invoice_id IS DISTINCT FROM found.id
    ) THEN
        RAISE EXCEPTION 'a credit note takes back lines of its own invoice'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_creditnote_lines';
    END IF;
    IF EXISTS (
        SELECT 1 FROM billing_invoiceline line
            JOIN billing_creditnoteline own ON own.company_id = line.company_id AND own.mode = line.mode AND own.invoice_line_id = line.id
            JOIN billing_creditnote note ON note.id = own.credit_note_id AND note.status = 'issued'
        WHERE line.company_id = found.company_id AND line.mode = found.mode AND line.invoice_id = found.id
        GROUP BY line.id
        HAVING sum(own.amount) > line.amount - line.discount_share OR sum(own.quantity) > line.quantity
    ) OR EXISTS (
        SELECT 1 FROM (
            SELECT line.tax_rate_bps, sum(line.amount - line.discount_share) AS amount, sum(line.tax) AS tax,
                   coalesce(sum(credited.amount), 0) AS amount_credited, coalesce(sum(credited.tax), 0) AS tax_credited
            FROM billing_invoiceline line LEFT JOIN LATERAL (
                SELECT sum(own.amount) AS amount, sum(own.tax) AS tax FROM billing_creditnoteline own
                    JOIN billing_creditnote note ON note.id = own.credit_note_id AND note.status = 'issued'
                WHERE own.company_id = line.company_id AND own.mode = line.mode AND own.invoice_line_id = line.id
            ) credited ON true
            WHERE line.company_id = found.company_id AND line.mode = found.mode AND line.invoice_id = found.id
            GROUP BY line.tax_rate_bps
        ) rates
        -- Of what is taken back in full no tax stays behind.
        WHERE rates.tax_credited > rates.tax
            OR (rates.amount_credited = rates.amount AND rates.amount > 0 AND rates.tax_credited <> rates.tax)
    ) THEN
        RAISE EXCEPTION 'credit notes take back at most what the invoice has'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_creditnote_never_overcredited';
    END IF;
END $$;

REVOKE EXECUTE ON FUNCTION billing_check_invoice_payments(uuid), billing_check_credit_notes(uuid) FROM PUBLIC;

-- What was here of charges is in billing_check_invoice_payments now.
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
    PERFORM billing_check_invoice_payments(wanted);
END $$;

CREATE FUNCTION billing_check_issued_sums() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    invoice uuid;
BEGIN
    IF TG_TABLE_NAME = 'billing_creditnoteline' THEN
        SELECT invoice_id INTO invoice FROM billing_creditnote WHERE id = NEW.credit_note_id;
    ELSE
        invoice := NEW.invoice_id;
    END IF;
    PERFORM billing_check_invoice_payments(invoice);
    IF TG_TABLE_NAME <> 'billing_offplatformpayment' THEN
        PERFORM billing_check_credit_notes(invoice);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE ON billing_offplatformpayment
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_issued_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE ON billing_creditnote
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_issued_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT ON billing_creditnoteline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_issued_sums();
