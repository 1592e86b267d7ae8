-- A finalized invoice never changes but in what is named here; columns that are added later do not either. A draft becomes open or paid,
-- with the next number.
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
