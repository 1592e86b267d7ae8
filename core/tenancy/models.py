"""Base models and managers for company-owned data: filtered by tenant, under row-level security, joined by composite keys."""

from collections.abc import Iterable
from copy import copy
from functools import cache
from typing import Any, ClassVar, Self, TypeVar, cast
from uuid import UUID

from django.db import models
from django.db.models.sql import Query

from core import clock
from core.errors import NotFound
from core.postgres.constraints import RowLevelSecurity
from core.tenancy.scope import Tenant, TenantRequired, current_scope, current_tenant
from core.values import ids

ModelT = TypeVar("ModelT", bound=models.Model, covariant=True)


class CurrentTenant(models.Func):
    """The tenant filter of a query that was built before there was a tenant, such as a class's `queryset = Product.objects.all()`.

    It is resolved each time the query is compiled: to the current tenant, or to no filter inside `system_context`. Outside of
    both, compiling raises.
    """

    output_field = models.BooleanField()

    def __init__(self, model: type[models.Model]) -> None:
        super().__init__("company_id", *(["mode"] if issubclass(model, TenantModel) else []))
        self._name = model.__name__

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        """Return the condition. Raises TenantRequired."""
        scope = current_scope()
        if scope.tenant is None:
            _require_scope(self._name)
            return "TRUE", []
        values = [scope.tenant.company_id, scope.tenant.mode]
        columns = [compiler.compile(column)[0] for column in self.source_expressions]
        return " AND ".join(f"{column} = %s" for column in columns), values[: len(columns)]


def _require_scope(name: str) -> None:
    scope = current_scope()
    if scope.tenant is None and scope.system_reason is None:
        raise TenantRequired(
            f"{name} was queried without a tenant: use tenant_context(…) or system_context(reason=…)."
        )


class TenantQuerySet(models.QuerySet[ModelT]):
    """Fills in the current tenant on create."""

    def _tenant_values(self) -> dict[str, Any]:
        tenant = current_tenant()
        if tenant is None:
            return {}
        values: dict[str, Any] = {"company_id": tenant.company_id}
        if issubclass(self.model, TenantModel):
            values["mode"] = tenant.mode
        return values

    def in_tenant(self, objs: Iterable[ModelT]) -> list[ModelT]:
        """Return the objects with the current tenant filled in where they name none."""
        objs, values = list(objs), self._tenant_values()
        for obj in objs:
            for name, value in values.items():
                if not getattr(obj, name):
                    setattr(obj, name, value)
        return objs

    def create(self, **kwargs: Any) -> ModelT:
        """Create a row in the current tenant."""
        return super().create(**{**self._tenant_values(), **kwargs})

    def _insert(self, *args: Any, **kwargs: Any) -> Any:
        """Insert rows; raises TenantRequired without a tenant, because an INSERT has no filter that would."""
        _require_scope(self.model.__name__)
        return super()._insert(*args, **kwargs)  # type: ignore[misc]  # the stubs leave it out

    _insert.alters_data = True  # type: ignore[attr-defined]
    _insert.queryset_only = False  # type: ignore[attr-defined]

    def raw(self, *args: Any, **kwargs: Any) -> "models.query.RawQuerySet[ModelT]":
        """Run raw SQL; raises TenantRequired without a tenant. Inside a tenant, RLS filters the rows."""
        _require_scope(self.model.__name__)
        return super().raw(*args, **kwargs)

    def bulk_create(self, objs: Iterable[ModelT], *args: Any, **kwargs: Any) -> list[ModelT]:
        """Create rows in the current tenant; rows that already name a company keep it (RLS checks it)."""
        return super().bulk_create(self.in_tenant(objs), *args, **kwargs)


_Manager = models.Manager.from_queryset(TenantQuerySet)


class TenantManager(_Manager[ModelT]):
    """The default and base manager of company-owned models: filters by tenant, and raises without one.

    A query may be built without a tenant; it is then bound to the tenant in which it runs (CurrentTenant).
    """

    use_in_migrations = False

    def bulk_create(self, objs: Iterable[ModelT], *args: Any, **kwargs: Any) -> list[ModelT]:
        """Create rows in the current tenant; rows that already name a company keep it (RLS checks it)."""
        return self._for_inserting().bulk_create(objs, *args, **kwargs)

    def _for_inserting(self) -> TenantQuerySet[ModelT]:
        """Return an unfiltered queryset: an INSERT ignores the filter, and building it takes time. RLS checks the rows."""
        _require_scope(self.model.__name__)
        return cast("TenantQuerySet[ModelT]", super().get_queryset())

    def get_queryset(self) -> TenantQuerySet[ModelT]:
        """Return the current tenant's rows; inside system_context all rows, otherwise those of the tenant it will run in."""
        queryset = cast("TenantQuerySet[ModelT]", super().get_queryset())
        scope = current_scope()
        if scope.tenant is not None:
            queryset.query = _query_of(self.model, scope.tenant)
            return queryset
        return queryset if scope.system_reason is not None else queryset.filter(CurrentTenant(self.model))


def _query_of(model: type[models.Model], tenant: Tenant) -> Query:
    """Return the query of `model._base_manager.filter(company_id=…, mode=…)`.

    Django takes longer to build such a filter than to compile the query, and every query has it (a prefetch once per
    object). So it is built once per model, and only the values are filled in here.
    """
    query = _query_of_nobody(model).chain()
    values = {"company_id": tenant.company_id, "mode": tenant.mode}
    bound: list[Any] = []
    for unbound in query.where.children:
        lookup: Any = copy(unbound)
        lookup.rhs = values[lookup.lhs.target.attname]
        bound.append(lookup)
    query.where.children = bound
    return query


@cache
def _query_of_nobody(model: type[models.Model]) -> Query:
    """Return the query for a placeholder tenant, whose values the caller replaces."""
    filters: dict[str, Any] = {"company_id": UUID(int=0)}
    if issubclass(model, TenantModel):
        filters["mode"] = ""
    return models.QuerySet(model).filter(**filters).query


class _OwnedModel(models.Model):
    """The fields and methods common to all company-owned models."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    company = models.ForeignKey(
        "accounts.Company", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    created = models.DateTimeField(default=clock.now, editable=False)

    id_prefix: ClassVar[str] = ""
    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        default_manager_name = "objects"

    @property
    def public_id(self) -> str:
        """The public identifier (TypeID)."""
        return ids.encode(self.id_prefix, self.id)

    def locked(self, *, no_key: bool = False) -> Self:
        """Return the row as it is now, locked until the transaction ends. Raises core.errors.NotFound when it was deleted meanwhile.

        `no_key` lets others go on making rows that refer to this one.
        """
        model = type(self)
        try:
            row: Self = model.objects.select_for_update(no_key=no_key).get(id=self.id)
        except model.DoesNotExist as error:
            raise NotFound from error
        return row

    @classmethod
    def by_public_id(cls, text: str, *, among: models.QuerySet[Self] | None = None) -> Self:
        """Return the current tenant's row with this TypeID.

        Raises core.errors.NotFound for a malformed or missing identifier, and for another tenant's.
        """
        try:
            rows = cls.objects.all() if among is None else among
            found: Self = rows.get(id=ids.decode(cls.id_prefix, text))
        except (ids.InvalidId, cls.DoesNotExist) as error:
            raise NotFound from error
        return found

    @classmethod
    def by_public_ids(cls, texts: Iterable[str], *, among: models.QuerySet[Self] | None = None) -> list[Self]:
        """Return the current tenant's rows with these TypeIDs, in the order of their ids. Raises NotFound when one is missing."""
        try:
            wanted = {ids.decode(cls.id_prefix, text) for text in texts}
        except ids.InvalidId as error:
            raise NotFound from error
        found = list((cls.objects.all() if among is None else among).filter(id__in=wanted).order_by("id"))
        if len(found) != len(wanted):
            raise NotFound
        return found


class CompanyModel(_OwnedModel):
    """A row that belongs to a company regardless of mode: memberships, invitations, settings."""

    class Meta(_OwnedModel.Meta):
        abstract = True
        constraints = [
            RowLevelSecurity(name="%(app_label)s_%(class)s_rls", mode_column=None),
            models.UniqueConstraint(fields=["company", "id"], name="%(app_label)s_%(class)s_tenant"),
        ]


class TenantModel(_OwnedModel):
    """A row that belongs to a company in one mode. Subclasses extend `Meta(TenantModel.Meta)` and its constraints."""

    class Modes(models.TextChoices):
        """Live affects the real world; test never does."""

        LIVE = "live", "Live"
        TEST = "test", "Test"

    mode = models.CharField(max_length=4, choices=Modes)

    class Meta(_OwnedModel.Meta):
        abstract = True
        constraints = [
            RowLevelSecurity(name="%(app_label)s_%(class)s_rls"),
            models.CheckConstraint(
                condition=models.Q(mode__in=["live", "test"]), name="%(app_label)s_%(class)s_mode"
            ),
            models.UniqueConstraint(fields=["company", "mode", "id"], name="%(app_label)s_%(class)s_tenant"),
        ]

    @property
    def tenant(self) -> Tenant:
        """The tenant that owns the row."""
        return Tenant(self.company_id, self.mode)  # type: ignore[arg-type]


class TenantForeignKey(models.ForeignKey):  # type: ignore[type-arg]  # not generic when it runs
    """A foreign key between two tables of a tenant; its database constraint is a CompositeForeignKey in Meta."""

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        """Describe the field to migrations without the constant argument."""
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        return name, path, args, kwargs


def referring_to(rows: models.QuerySet[ModelT], name: str, public_id: str) -> models.QuerySet[ModelT]:
    """Filter rows by the object that their foreign key `name` refers to. The ID of no such object matches nothing."""
    target: Any = rows.model._meta.get_field(name).related_model
    try:
        return rows.filter(**{f"{name}_id": ids.decode(target.id_prefix, public_id)})
    except ids.InvalidId:
        return rows.none()
