"""How two of the audit tables are stored."""

STORAGE = """
-- Every batch adds to the same rows of the hour: with room beside them, an update touches no index.
ALTER TABLE audit_requestrollup SET (fillfactor = 60);
-- Hashes cannot be compressed; trying takes longer than writing them.
ALTER TABLE audit_seal ALTER COLUMN leaves SET STORAGE EXTERNAL;
"""
