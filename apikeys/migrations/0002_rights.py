"""Reports of found secrets: nobody's until they are looked up, so the table is for the role `system` alone."""

from django.db import migrations

RIGHTS = """
REVOKE ALL ON apikeys_leakreport FROM app;
ALTER TABLE apikeys_leakreport ENABLE ROW LEVEL SECURITY;
CREATE POLICY system ON apikeys_leakreport TO system USING (true) WITH CHECK (true);
"""
DEFAULT_RIGHTS = """
DROP POLICY system ON apikeys_leakreport;
ALTER TABLE apikeys_leakreport DISABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON apikeys_leakreport TO app;
"""


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0001_initial")]

    operations = [migrations.RunSQL(RIGHTS, DEFAULT_RIGHTS)]
