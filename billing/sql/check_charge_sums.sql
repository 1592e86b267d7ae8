-- What a charge counts as refunded is the sum of its refunds.
CREATE OR REPLACE FUNCTION billing_check_charge_sums(wanted uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
REVOKE EXECUTE ON FUNCTION billing_check_charge_sums(uuid) FROM PUBLIC;
