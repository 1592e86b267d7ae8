"""What the roles may do with the audit tables.

The default privileges give `app` and `system` everything on a new table; here they keep what they need. Nobody but
`owner` may change or remove a row, and `owner` is not used by the running application.
"""

RIGHTS = """
REVOKE ALL ON audit_auditentry, audit_staffentry FROM app, system;
GRANT SELECT, INSERT ON audit_auditentry TO app;
GRANT SELECT ON audit_auditentry TO system;
GRANT SELECT, INSERT ON audit_staffentry TO system;

ALTER TABLE audit_staffentry ENABLE ROW LEVEL SECURITY;
CREATE POLICY system ON audit_staffentry TO system USING (true) WITH CHECK (true);
"""
