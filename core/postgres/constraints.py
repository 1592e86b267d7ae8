"""Constraints Django has no class for, written so that migrations see them: row-level security and composite keys."""

from collections.abc import Sequence
from typing import Any, cast

from django.apps import apps
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement
from django.db.models import BaseConstraint, Field, Model


class _SqlConstraint(BaseConstraint):
    """A constraint that is added by its own SQL after the table was created."""

    def constraint_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> None:  # type: ignore[override]
        # CREATE TABLE cannot carry it; run it once the table is there, as Django does for conditional unique keys.
        schema_editor.deferred_sql.append(self.create_sql(model, schema_editor))

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: only the database can check this constraint."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash(self.name)


def _statement(sql: str) -> Statement:
    return Statement(sql.replace("%", "%%"))


class RowLevelSecurity(_SqlConstraint):
    """Row-level security on company and mode for the role `app`, and a policy for the role `system` (docs/architecture.md, Tenancy).

    The scalar sub-select is evaluated once per statement; `nullif` because a setting made with SET LOCAL reads as the
    empty string, not NULL, once its transaction has ended.
    """

    def __init__(
        self, *, name: str, company_column: str = "company_id", mode_column: str | None = "mode"
    ) -> None:
        super().__init__(name=name)
        self.company_column = company_column
        self.mode_column = mode_column

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """Describe the constraint to migrations."""
        path, args, kwargs = super().deconstruct()
        kwargs.update(company_column=self.company_column, mode_column=self.mode_column)
        return path, args, kwargs

    def create_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> Statement:  # type: ignore[override]
        """Return the statements that enable row-level security and add the two policies."""
        table = schema_editor.quote_name(model._meta.db_table)
        mine = (
            f"{schema_editor.quote_name(self.company_column)} = "
            "(SELECT nullif(current_setting('app.company', true), '')::uuid)"
        )
        if self.mode_column:
            mine += (
                f" AND {schema_editor.quote_name(self.mode_column)} = "
                "(SELECT nullif(current_setting('app.mode', true), ''))"
            )
        return _statement(
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; "
            f"CREATE POLICY tenant ON {table} TO app USING ({mine}) WITH CHECK ({mine}); "
            f"CREATE POLICY system ON {table} TO system USING (true) WITH CHECK (true)"
        )

    def remove_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> Statement:  # type: ignore[override]
        """Return the statements that drop both policies."""
        table = schema_editor.quote_name(model._meta.db_table)
        return _statement(
            f"DROP POLICY tenant ON {table}; DROP POLICY system ON {table}; "
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"
        )


class CompositeForeignKey(_SqlConstraint):
    """A foreign key over (company, mode, field), so that a row can never point at another tenant's row (docs/architecture.md, Tenancy).

    Foreign-key checks bypass row-level security, so a plain key would let one company reference another's row.
    `fields` names one TenantForeignKey of the model. `to` is the model it points to, or another that must also have a row
    with the same unique key (company, mode, `to_field`).
    """

    def __init__(
        self, *, name: str, fields: str, to: str, with_mode: bool = True, to_field: str = "id"
    ) -> None:
        super().__init__(name=name)
        self.fields = fields
        self.to = to
        self.with_mode = with_mode
        self.to_field = to_field

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """Describe the constraint to migrations."""
        path, args, kwargs = super().deconstruct()
        kwargs.update(fields=self.fields, to=self.to, with_mode=self.with_mode)
        if self.to_field != "id":
            kwargs["to_field"] = self.to_field
        return path, args, kwargs

    def create_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> Statement:  # type: ignore[override]
        """Return the ALTER TABLE statement; the check is deferred to the end of the transaction, as Django's are."""
        quote = schema_editor.quote_name
        target = apps.get_model(self.to)._meta
        column, to_column = (
            cast("Field[Any, Any]", meta.get_field(field)).column
            for meta, field in ((model._meta, self.fields), (target, self.to_field))
        )
        scope = ["company_id", "mode"] if self.with_mode else ["company_id"]
        own = ", ".join(quote(str(name)) for name in [*scope, column])
        theirs = ", ".join(quote(str(name)) for name in [*scope, to_column])
        return _statement(
            f"ALTER TABLE {quote(model._meta.db_table)} ADD CONSTRAINT {quote(self.name)} "
            f"FOREIGN KEY ({own}) REFERENCES {quote(target.db_table)} ({theirs}) DEFERRABLE INITIALLY DEFERRED"
        )

    def remove_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> Statement:  # type: ignore[override]
        """Return the statement that drops the constraint."""
        quote = schema_editor.quote_name
        return _statement(f"ALTER TABLE {quote(model._meta.db_table)} DROP CONSTRAINT {quote(self.name)}")
