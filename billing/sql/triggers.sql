-- What must hold between the rows of billing, whoever writes them: which table is held by which function of this folder.
--
-- The functions run as the owner of the tables (SECURITY DEFINER), so a check at the end of a transaction sees the rows it
-- must compare even if the transaction has moved on to another tenant. They only compare, and answer nobody.

-- What a write may change.
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_invoice
    FOR EACH ROW EXECUTE FUNCTION billing_guard_invoice();
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON billing_invoiceline
    FOR EACH ROW EXECUTE FUNCTION billing_guard_line();
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON billing_invoicecounter
    FOR EACH ROW EXECUTE FUNCTION billing_guard_counter();
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_charge
    FOR EACH ROW EXECUTE FUNCTION billing_guard_charge();
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_refund
    FOR EACH ROW EXECUTE FUNCTION billing_guard_refund();
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_creditnote
    FOR EACH ROW EXECUTE FUNCTION billing_guard_issued('voided_at', 'status', 'void_reason');
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_offplatformpayment
    FOR EACH ROW EXECUTE FUNCTION billing_guard_issued('undone_at', 'undo_reason');
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_invoicelink
    FOR EACH ROW EXECUTE FUNCTION billing_guard_issued('revoked_at');
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON billing_creditnoteline
    FOR EACH ROW EXECUTE FUNCTION billing_guard_credit_note_line();
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON billing_creditnotecounter
    FOR EACH ROW EXECUTE FUNCTION billing_guard_counter();

-- What comes with a write.
CREATE TRIGGER number BEFORE INSERT ON billing_creditnote
    FOR EACH ROW EXECUTE FUNCTION billing_guard_credit_note_number();
CREATE TRIGGER refunded AFTER UPDATE ON billing_charge FOR EACH ROW
    WHEN (NEW.invoice_id IS NOT NULL AND NEW.amount_refunded <> OLD.amount_refunded)
    EXECUTE FUNCTION billing_note_refunded();

-- What must hold at the end of the transaction, when all of it is there.
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE ON billing_invoice
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE OR DELETE ON billing_invoiceline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE OF status, amount_refunded, amount_refund_pending ON billing_charge
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE OF status ON billing_refund
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE OF undone_at ON billing_offplatformpayment
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE OF status ON billing_creditnote
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT ON billing_creditnoteline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
