"""The tenant: a company and a mode. Two walls keep tenants apart (docs/architecture.md, Tenancy): the managers here, and row-level security.

Both read the same scope, a context variable. `core.postgres` writes the scope into the transaction together with its
first query, so a request that needs no SQL sends none.
"""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from django.db import models, transaction

from core import clock, ids
from core.constraints import RowLevelSecurity
from core.errors import NotFound
from core.principal import Mode


class TenantRequired(RuntimeError):
    """A company's table was queried without a tenant. This is a mistake in our code, never in the caller's request."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A company and a mode: everything a request may see."""

    company_id: uuid.UUID
    mode: Mode


@dataclass(frozen=True, slots=True)
class TenantScope:
    """What the current transaction may touch: one tenant's rows, or (system) every row."""

    tenant: Tenant | None = None
    system_reason: str | None = None


NO_SCOPE = TenantScope()
_scope: ContextVar[TenantScope] = ContextVar("scope", default=NO_SCOPE)


def current_scope() -> TenantScope:
    """Return the scope that `core.postgres` applies to the next query."""
    return _scope.get()


def current_tenant() -> Tenant | None:
    """Return the tenant of the current context, or None outside of one."""
    return _scope.get().tenant


def require_tenant() -> Tenant:
    """Return the current tenant; raises TenantRequired outside of one."""
    tenant = _scope.get().tenant
    if tenant is None:
        raise TenantRequired("No tenant is set: wrap the call in tenant_context(…).")
    return tenant


@contextmanager
def _scoped(scope: TenantScope) -> Iterator[None]:
    if _scope.get() == scope and transaction.get_connection().in_atomic_block:
        yield
        return
    with transaction.atomic():
        token = _scope.set(scope)
        try:
            yield
        finally:
            _scope.reset(token)


@contextmanager
def tenant_context(tenant: Tenant) -> Iterator[None]:
    """Run the block in a transaction that sees `tenant` and nothing else.

    Nested in another scope it is a savepoint, and the outer scope is restored on leaving; in the same one it is neither.
    """
    with _scoped(TenantScope(tenant=tenant)):
        yield


@contextmanager
def system_context(*, reason: str) -> Iterator[None]:
    """Run the block in a transaction as the database role `system`, which sees every company's rows.

    The one door for work that is not a tenant's own: the relay, pruning, staff, and the look-ups that find out which
    tenant a request belongs to. `reason` says which of these it is; a test lists the callers.
    """
    if not reason:
        raise ValueError("system_context needs a reason.")
    with _scoped(TenantScope(system_reason=reason)):
        yield


ModelT = TypeVar("ModelT", bound=models.Model, covariant=True)


class CurrentTenant(models.Func):
    """The filter of a query that was written down before there was a tenant, as `queryset = Product.objects.all()` in a class is.

    It is bound each time the query is compiled: to the tenant of that moment, to everything inside `system_context`. Without
    either it does not compile.
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
        """Refuse what has no filter that could: every INSERT comes by here."""
        _require_scope(self.model.__name__)
        return super()._insert(*args, **kwargs)  # type: ignore[misc]  # the stubs leave it out

    _insert.alters_data = True  # type: ignore[attr-defined]
    _insert.queryset_only = False  # type: ignore[attr-defined]

    def raw(self, *args: Any, **kwargs: Any) -> models.query.RawQuerySet:
        """Refuse SQL that somebody wrote where there is no tenant; inside of one, RLS filters it."""
        _require_scope(self.model.__name__)
        return super().raw(*args, **kwargs)

    def bulk_create(self, objs: Iterable[ModelT], *args: Any, **kwargs: Any) -> list[ModelT]:
        """Create rows in the current tenant; rows that already name a company keep it (RLS checks it)."""
        return super().bulk_create(self.in_tenant(objs), *args, **kwargs)


class TenantManager(models.Manager.from_queryset(TenantQuerySet)):  # type: ignore[misc]
    """Default and base manager of every company-owned model: filters by the tenant, raises without one.

    Without one a query may be written down, and is bound to the tenant of the moment in which it runs (CurrentTenant).
    """

    use_in_migrations = False

    def bulk_create(self, objs: Iterable[ModelT], *args: Any, **kwargs: Any) -> list[ModelT]:
        """Create rows in the current tenant; rows that already name a company keep it (RLS checks it)."""
        return self._for_inserting().bulk_create(objs, *args, **kwargs)

    def _for_inserting(self) -> TenantQuerySet[Any]:
        """Return the rows without the filter, which costs time and to which an INSERT pays no heed. RLS checks the rows."""
        _require_scope(self.model.__name__)
        queryset: TenantQuerySet[Any] = super().get_queryset()
        return queryset

    def get_queryset(self) -> TenantQuerySet[Any]:
        """Return the rows of the current tenant (every row inside system_context; without either, of whom it will run for)."""
        queryset: TenantQuerySet[Any] = super().get_queryset()
        scope = current_scope()
        if scope.tenant is not None:
            filters: dict[str, Any] = {"company_id": scope.tenant.company_id}
            if issubclass(self.model, TenantModel):
                filters["mode"] = scope.tenant.mode
            return queryset.filter(**filters)
        return queryset if scope.system_reason is not None else queryset.filter(CurrentTenant(self.model))


class _OwnedModel(models.Model):
    """What every row of a company has, in whichever mode."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    company = models.ForeignKey(
        "accounts.Company", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    created = models.DateTimeField(default=clock.now, editable=False)

    id_prefix: ClassVar[str] = ""
    objects: ClassVar[TenantManager] = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        default_manager_name = "objects"

    @property
    def public_id(self) -> str:
        """The identifier that people and programs see."""
        return ids.encode(self.id_prefix, self.id)

    @classmethod
    def by_public_id(cls, text: str) -> Self:
        """Return the current tenant's row with this TypeID.

        Raises core.errors.NotFound for a malformed, missing or foreign identifier alike.
        """
        try:
            found: Self = cls.objects.get(id=ids.decode(cls.id_prefix, text))
        except (ids.InvalidId, cls.DoesNotExist) as error:
            raise NotFound from error
        return found


class CompanyModel(_OwnedModel):
    """A row that belongs to a company as a whole, in neither mode: memberships, invitations, settings."""

    class Meta(_OwnedModel.Meta):
        abstract = True
        constraints = [
            RowLevelSecurity(name="%(app_label)s_%(class)s_rls", mode_column=None),
            models.UniqueConstraint(fields=["company", "id"], name="%(app_label)s_%(class)s_tenant"),
        ]


class TenantModel(_OwnedModel):
    """A row that belongs to a company in one mode. Subclasses extend `Meta(TenantModel.Meta)` and its constraints."""

    class Modes(models.TextChoices):
        """Live touches the real world, test never does."""

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


class TenantForeignKey(models.ForeignKey):
    """A foreign key between two tables of a tenant; its database constraint is a CompositeForeignKey in Meta."""

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        """Describe the field to migrations without the constant argument."""
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        return name, path, args, kwargs
