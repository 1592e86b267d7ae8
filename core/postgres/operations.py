"""A migration operation that creates many tables in a fraction of the time, since every first start migrates an empty database."""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import CreateModel
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class CreateModels(Operation):
    """Runs several CreateModel operations, rendering the models once for all of them.

    For each new model, Django re-renders every model related to it, directly or not. Through the company, that is all of
    our models, for each of our models.
    """

    def __init__(self, *operations: CreateModel) -> None:
        self.operations = operations

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Add the models to the project state."""
        # A state whose models are not rendered yet takes a new one without rendering it; whoever asks next has all of them rendered.
        vars(state).pop("apps", None)
        for operation in self.operations:
            operation.state_forwards(app_label, state)

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        """Create the tables."""
        for operation in self.operations:
            operation.database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        """Drop the tables in reverse order."""
        for operation in reversed(self.operations):
            operation.database_backwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        """Return which models are created."""
        return f"Create models {', '.join(operation.name for operation in self.operations)}"
