"""The migration operation that creates a table partitioned by ranges of its primary key."""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import CreateModel


class CreatePartitionedModel(CreateModel):
    """CreateModel with `PARTITION BY RANGE (id)`. The partitions themselves are created by `tables.ensure_partitions`."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        """Create the partitioned table with its constraints and indexes."""
        plain = schema_editor.sql_create_table
        schema_editor.sql_create_table = f"{plain} PARTITION BY RANGE (id)"
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            schema_editor.sql_create_table = plain
