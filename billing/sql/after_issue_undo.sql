-- The functions that after_issue.sql replaced are those of the files before it again (0011_after_issue_guards.py).
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
DROP FUNCTION billing_check_credit_notes(uuid);
DROP FUNCTION billing_check_invoice_payments(uuid);
