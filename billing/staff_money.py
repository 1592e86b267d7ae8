"""Amounts on the staff site, stored in minor units and shown as money, in lists and on object pages."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from core.ui.staff import StaffModelAdmin
from core.ui.staff_columns import LABELS
from core.values.currencies import money_text
from core.values.labels import label_of


def _currency(row: Any) -> str:
    return str(row.currency)


def currency_of_invoice(row: Any) -> str:
    """Return the currency of its invoice."""
    return str(row.invoice.currency)


def currency_of_charge(row: Any) -> str:
    """Return the currency of its charge."""
    return str(row.charge.currency)


def money_column(name: str, *, currency_of: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return a column that shows the amount `name`, which is stored in minor units, as money."""

    @admin.display(description=LABELS.get(name) or label_of(name), ordering=name)
    def shown(row: Any) -> str:
        return money_text(getattr(row, name), currency_of(row))

    shown.__name__ = name  # the class of its cells
    return shown


def money_columns(
    *names: str, currency_of: Callable[[Any], str] = _currency
) -> dict[str, Callable[[Any], str]]:
    """Return the columns of these amounts, by name."""
    return {name: money_column(name, currency_of=currency_of) for name in names}


class MoneyAdmin(StaffModelAdmin):
    """An admin that shows the amounts of an object as money, as its list does."""

    money: ClassVar[Mapping[str, Callable[[Any], str]]]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Sequence[Any]:
        """Replace the amounts by their columns."""
        # A column with its own name shows by its order which field it represents.
        return [
            self.money.get(getattr(each, "admin_order_field", None) or str(each), each)
            for each in super().get_fields(request, obj)
        ]
