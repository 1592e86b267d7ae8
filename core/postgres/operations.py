"""A migration operation that makes many tables in a fraction of the time (`migrate` of an empty database comes before every first start)."""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import CreateModel
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class CreateModels(Operation):
    """CreateModel for each of these, one after the other, whose models are rendered once for all of them.

    Django renders all models that a new one is related to anew, and what those are related to: by the company, that is every model
    of ours, for every model of ours.
    """

    def __init__(self, *operations: CreateModel) -> None:
        self.operations = operations

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Add the models to the state."""
        vars(state).pop(
            "apps", None
        )  # a state that is not rendered yet adds no model to what is; the next to ask has it rendered
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
        """Drop the tables, the last first."""
        for operation in reversed(self.operations):
            operation.database_backwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        """Say which models are made."""
        return f"Create models {', '.join(operation.name for operation in self.operations)}"
