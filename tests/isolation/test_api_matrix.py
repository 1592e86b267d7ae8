"""No key reaches another company or mode: with both walls standing, and with either one taken down (docs/architecture.md, Tenancy)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connections
from django.db.models import QuerySet

from core.tenancy import TenantManager, TenantQuerySet
from tests.isolation.matrix import Matrix, Outcome
from tests.isolation.test_catalog import owned_tables


def report(record_property: Callable[[str, object], None], wall: str, outcome: Outcome) -> None:
    """Print the counts at the end of the run (tests/conftest.py)."""
    record_property("isolation", f"API, {wall}: {outcome}")
    assert outcome.cases > 0
    assert not outcome.leaks, "\n".join(outcome.leaks)


def test_both_tenancy_walls(record_property: Callable[[str, object], None]) -> None:
    report(record_property, "both walls", Matrix().run())


def test_without_the_managers_the_policies_hold(
    record_property: Callable[[str, object], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix = Matrix(every_lie=False)
    take_managers_down(monkeypatch)
    report(record_property, "managers down", matrix.run())


def test_without_the_policies_the_managers_hold(record_property: Callable[[str, object], None]) -> None:
    with policies_dropped():
        report(record_property, "policies down", Matrix(every_lie=False).run())


def test_with_both_walls_down_the_matrix_sees_the_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = Matrix(every_lie=False)
    take_managers_down(monkeypatch)
    with policies_dropped():
        outcome = matrix.run(only={"customers"})
    assert len(outcome.leaks) >= outcome.operations
    assert any("of another tenant" in leak and "changed" in leak for leak in outcome.leaks)


def take_managers_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every manager return every company's rows."""

    def everything(self: TenantManager) -> QuerySet:
        return TenantQuerySet(self.model, using=self._db)

    monkeypatch.setattr(TenantManager, "get_queryset", everything)


@contextmanager
def policies_dropped() -> Iterator[None]:
    """Switch row-level security off on every table of this process's own database."""
    tables = owned_tables()

    def switch(word: str) -> None:
        with connections["owner"].cursor() as cursor:
            for table in tables:
                cursor.execute(f'ALTER TABLE "{table}" {word} ROW LEVEL SECURITY')

    switch("DISABLE")
    try:
        yield
    finally:
        switch("ENABLE")
