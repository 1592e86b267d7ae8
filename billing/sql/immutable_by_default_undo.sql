CREATE OR REPLACE FUNCTION billing_guard_invoice() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
