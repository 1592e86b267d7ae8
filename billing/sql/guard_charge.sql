-- A charge is never deleted, and what was settled stays settled; metadata stays free. It keeps the one payment page that a payer was
-- sent to, and the time at which that one ends.
CREATE OR REPLACE FUNCTION billing_guard_charge() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE'
        AND (NEW.id, NEW.company_id, NEW.mode, NEW.created, NEW.customer_id, NEW.invoice_id, NEW.amount, NEW.currency,
             NEW.payment_method, NEW.gateway, NEW.checkout_expires_at)
            IS NOT DISTINCT FROM
            (OLD.id, OLD.company_id, OLD.mode, OLD.created, OLD.customer_id, OLD.invoice_id, OLD.amount, OLD.currency,
             OLD.payment_method, OLD.gateway, OLD.checkout_expires_at)
        AND (OLD.checkout_session = '' OR NEW.checkout_session = OLD.checkout_session)
        AND (OLD.status = 'pending'
             OR (NEW.status, NEW.failure_code, NEW.failure_message, NEW.gateway_reference, NEW.settled_at,
                 NEW.checkout_session)
                IS NOT DISTINCT FROM
                (OLD.status, OLD.failure_code, OLD.failure_message, OLD.gateway_reference, OLD.settled_at,
                 OLD.checkout_session))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a charge is never deleted, and once settled stays as it is'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_charge_immutable';
END $$;
