"""What the roles may do with the audit tables.

The default privileges give `app` and `system` everything on a new table; here they keep what they need. Nobody but
`owner` may change or remove a row of the trail, the request log or a seal, and the running application is never `owner`.
"""

RIGHTS = """
REVOKE ALL ON audit_auditentry, audit_staffentry, audit_requestlog, audit_unownedrequest, audit_requestrollup,
  audit_unownedcount, audit_seal, audit_sealhead, audit_sealcursor, audit_prunecheckpoint FROM app, system;

GRANT SELECT, INSERT ON audit_auditentry TO app;
GRANT SELECT ON audit_requestlog, audit_requestrollup, audit_seal, audit_sealhead TO app;

GRANT SELECT ON audit_auditentry TO system;
GRANT SELECT, INSERT ON audit_staffentry, audit_requestlog, audit_unownedrequest, audit_seal, audit_prunecheckpoint
  TO system;
GRANT SELECT, INSERT, UPDATE, DELETE ON audit_requestrollup, audit_unownedcount TO system;
GRANT SELECT, INSERT, UPDATE ON audit_sealhead, audit_sealcursor TO system;

ALTER TABLE audit_staffentry ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_unownedrequest ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_unownedcount ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_sealcursor ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_prunecheckpoint ENABLE ROW LEVEL SECURITY;
CREATE POLICY system ON audit_staffentry TO system USING (true) WITH CHECK (true);
CREATE POLICY system ON audit_unownedrequest TO system USING (true) WITH CHECK (true);
CREATE POLICY system ON audit_unownedcount TO system USING (true) WITH CHECK (true);
CREATE POLICY system ON audit_sealcursor TO system USING (true) WITH CHECK (true);
CREATE POLICY system ON audit_prunecheckpoint TO system USING (true) WITH CHECK (true);
"""
