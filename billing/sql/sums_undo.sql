-- The functions that sums.sql replaced or dropped are those of the files before it again (0012_sums.py).
DROP TRIGGER sums ON billing_creditnoteline;
DROP TRIGGER sums ON billing_creditnote;
DROP TRIGGER sums ON billing_offplatformpayment;
DROP TRIGGER sums ON billing_refund;
DROP TRIGGER sums ON billing_charge;
DROP FUNCTION billing_check_line_credits(uuid);
DROP FUNCTION billing_check_credit_note_sums(uuid);
DROP FUNCTION billing_check_invoice_credits(uuid);
REVOKE EXECUTE ON FUNCTION billing_check_credit_notes(uuid) FROM PUBLIC;
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE ON billing_charge
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE ON billing_refund
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE ON billing_offplatformpayment
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_issued_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT OR UPDATE ON billing_creditnote
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_issued_sums();
CREATE CONSTRAINT TRIGGER sums AFTER INSERT ON billing_creditnoteline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_issued_sums();
