"""Columns of lists and fields of pages on the staff site: what each is called, and its value as people read it."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import display_for_field
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, IntegerField, JSONField, Model
from django.utils.text import capfirst

from core.values.labels import EMPTY, label_of, value_text

Column = str | Callable[[Any], Any]
# What these are called on every page of the staff site, which do not go by the names of columns.
LABELS: Mapping[str, str] = {
    "address_normalized": "Address, normalized",
    "ask_at": "Price asked for next",
    "due_at": "Next attempt",
    "is_active": "Active",
    "is_staff": "Staff",
    "key_longest_days": "Longest life of keys (days)",
    "keys_need_networks": "Keys must have networks",
    "keys_need_second_factor": "Keys need a second factor",
    "keys_refuse_full_access": "No keys with full access",
    "manual": "Sent again by a person",
    "post_payment_amount": "Credited after payment",
    "post_payment_credit": "Credited after payment",
    "pre_payment_amount": "Credited before payment",
    "pre_payment_credit": "Credited before payment",
    "public_id": "ID",
    "sender_normalized": "Sender, normalized",
    "slug": "Short name",
    "notified_at": "Owners notified",
    "notified_cap": "Owners notified of a cap of",
    "notified_percent": "Owners notified of (%)",
}


def column(model: type[Model], name: Any, labels: Mapping[str, str]) -> Column:
    """Return the column of a model's attribute: its name where Django already shows it well, else a function that does.

    `labels` say what an admin calls its own columns; what nobody has named goes by its field.
    """
    if not isinstance(name, str):
        found: Column = name
        return found
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        # A property, or a method that says itself what it is called.
        return _shown(name, labels.get(name, LABELS[name]), None) if name in LABELS else name
    if not isinstance(field, Field):
        return name
    given = labels.get(name) or LABELS.get(name)
    has_own = str(field.verbose_name) != name.replace("_", " ")
    label = given or (str(capfirst(field.verbose_name)) if has_own else label_of(name))
    is_written = isinstance(field, (ArrayField, JSONField)) or _is_number(field)
    return _shown(name, label, field) if is_written or label != capfirst(field.verbose_name) else name


def _is_number(field: "Field[Any, Any]") -> bool:
    """Whether the field is a whole number that people read, with separators of thousands."""
    return isinstance(field, IntegerField) and not (field.primary_key or field.choices)


def _shown(name: str, label: str, field: "Field[Any, Any] | None") -> Callable[[Any], Any]:
    @admin.display(description=label, ordering=None if field is None else name, empty_value=EMPTY)
    def shown(row: Any) -> Any:
        value = getattr(row, name)
        if isinstance(field, (ArrayField, JSONField)):
            return value_text(value)
        if isinstance(value, int) and field is not None and _is_number(field):
            return f"{value:,}"
        return value if field is None else display_for_field(value, field, EMPTY)

    shown.__name__ = name  # the class of its cells
    return shown
