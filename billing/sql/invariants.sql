-- What must hold between the rows of billing, whoever writes them.
--
-- The functions run as the owner of the tables (SECURITY DEFINER), so a check at the end of a transaction sees the rows it
-- must compare even if the transaction has moved on to another tenant. They only compare, and answer nobody.

-- 1. A finalized invoice never changes but in its payment and status; a draft becomes open or paid, with the next number.
CREATE FUNCTION billing_guard_invoice() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
    IF (NEW.customer_id, NEW.sequence, NEW.number, NEW.currency, NEW.due_date, NEW.external_id, NEW.metadata, NEW.billed_to,
        NEW.subtotal, NEW.tax, NEW.total, NEW.finalized_at)
        IS DISTINCT FROM
       (OLD.customer_id, OLD.sequence, OLD.number, OLD.currency, OLD.due_date, OLD.external_id, OLD.metadata, OLD.billed_to,
        OLD.subtotal, OLD.tax, OLD.total, OLD.finalized_at)
    THEN
        RAISE EXCEPTION 'a finalized invoice does not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_immutable';
    END IF;
    IF OLD.status <> 'open' AND (NEW.amount_paid, NEW.amount_pending, NEW.paid_at, NEW.voided_at, NEW.marked_uncollectible_at)
        IS DISTINCT FROM (OLD.amount_paid, OLD.amount_pending, OLD.paid_at, OLD.voided_at, OLD.marked_uncollectible_at)
    THEN
        RAISE EXCEPTION 'a closed invoice does not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_immutable';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_invoice
    FOR EACH ROW EXECUTE FUNCTION billing_guard_invoice();

-- 2. Lines belong to drafts. The row lock keeps a line from slipping in beside a finalization.
CREATE FUNCTION billing_guard_line() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    changed billing_invoiceline := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    parent_status text;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.invoice_id <> OLD.invoice_id THEN
        RAISE EXCEPTION 'a line stays on its invoice'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_immutable';
    END IF;
    SELECT status INTO parent_status FROM billing_invoice WHERE id = changed.invoice_id FOR NO KEY UPDATE;
    IF parent_status <> 'draft' THEN
        RAISE EXCEPTION 'a finalized invoice does not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoice_immutable';
    END IF;
    RETURN changed;
END $$;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON billing_invoiceline
    FOR EACH ROW EXECUTE FUNCTION billing_guard_line();

-- 3. Invoice numbers are counted one by one.
CREATE FUNCTION billing_guard_counter() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.last_number = 0 THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.last_number = OLD.last_number + 1
        AND (NEW.id, NEW.company_id, NEW.mode) = (OLD.id, OLD.company_id, OLD.mode)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'invoice numbers are counted one by one'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_invoicecounter_steps';
END $$;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON billing_invoicecounter
    FOR EACH ROW EXECUTE FUNCTION billing_guard_counter();

-- 4. Charges and refunds are never deleted, and what was settled stays settled.
CREATE FUNCTION billing_guard_charge() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_charge
    FOR EACH ROW EXECUTE FUNCTION billing_guard_charge();

CREATE FUNCTION billing_guard_refund() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_refund
    FOR EACH ROW EXECUTE FUNCTION billing_guard_refund();

-- 5. Totals are the sums of what they total. Checked at the end of the transaction, when all of it is there.
CREATE FUNCTION billing_check_invoice_sums(wanted uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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

CREATE FUNCTION billing_check_charge_sums(wanted uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found billing_charge;
    refunds record;
BEGIN
    SELECT * INTO found FROM billing_charge WHERE id = wanted;
    SELECT coalesce(sum(amount) FILTER (WHERE status = 'succeeded'), 0) AS refunded,
           coalesce(sum(amount) FILTER (WHERE status = 'pending'), 0) AS pending
        INTO refunds FROM billing_refund
        WHERE company_id = found.company_id AND mode = found.mode AND charge_id = found.id;
    IF (found.amount_refunded, found.amount_refund_pending) IS DISTINCT FROM (refunds.refunded, refunds.pending) THEN
        RAISE EXCEPTION 'what a charge counts as refunded is the sum of its refunds'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_charge_refunds';
    END IF;
END $$;

REVOKE EXECUTE ON FUNCTION billing_check_invoice_sums(uuid), billing_check_charge_sums(uuid) FROM PUBLIC;

CREATE FUNCTION billing_check_sums() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'billing_invoice' THEN
        PERFORM billing_check_invoice_sums(NEW.id);
    ELSIF TG_TABLE_NAME = 'billing_invoiceline' THEN
        PERFORM billing_check_invoice_sums(CASE WHEN TG_OP = 'DELETE' THEN OLD.invoice_id ELSE NEW.invoice_id END);
    ELSIF TG_TABLE_NAME = 'billing_charge' THEN
        PERFORM billing_check_charge_sums(NEW.id);
        IF NEW.invoice_id IS NOT NULL THEN
            PERFORM billing_check_invoice_sums(NEW.invoice_id);
        END IF;
    ELSE
        PERFORM billing_check_charge_sums(NEW.charge_id);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE ON billing_invoice
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE OR DELETE ON billing_invoiceline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE ON billing_charge
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE ON billing_refund
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
