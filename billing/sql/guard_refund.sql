-- A refund is never deleted, and what was settled stays settled; metadata stays free.
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
