"""Migrations that are taken back only while nothing is lost by it that somebody holds against us.

Taking a migration back drops what it has added. For a cache or a setting that is how it should be. For what an issued document says,
or what keeps a message from going out wrong, it would be damage that nobody sees: there the migration says what it cannot keep.
"""

from typing import Any

from django.core.management.base import CommandError
from django.db import migrations


def refuse_while(found: str, *, what: str) -> migrations.RunPython:
    """Return the last operation of a migration, which comes first on the way back: it stops that while a row is found.

    `found` is a query that counts rows; `what` they are, and why the release before has no place for them.
    """

    def refuse(apps: Any, schema_editor: Any) -> None:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(found)
            [count] = cursor.fetchone()
        if count:
            raise CommandError(
                f"This migration is not taken back, and what it has made is all there: {count} {what}. To be where the release before "
                "was, restore a backup from before the upgrade (docs/runbooks/backup-and-restore.md)."
            )

    return migrations.RunPython(migrations.RunPython.noop, refuse)
