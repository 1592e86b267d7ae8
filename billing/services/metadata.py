"""Updates the metadata of objects that are otherwise immutable; a change publishes an event like any other."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from billing import representations
from billing.events import ChargeUpdated, CreditNoteUpdated, PaymentUpdated, RefundUpdated
from billing.models import Charge, CreditNote, OffPlatformPayment, Refund
from core import clock
from core.errors import FieldErrors
from core.events import Event, publish
from core.principal import Principal
from core.values.metadata import clean_metadata, merge_metadata

Change = Mapping[str, str | None] | None
Row = TypeVar("Row", Charge, Refund, CreditNote, OffPlatformPayment)


def update_charge(*, charge: Charge, actor: Principal, metadata: Change) -> Charge:
    """Merge `metadata` into that of a charge: null removes a key. Raises FieldErrors."""
    return _update(charge, metadata, representations.charge, ChargeUpdated, actor)


def update_refund(*, refund: Refund, actor: Principal, metadata: Change) -> Refund:
    """Merge `metadata` into that of a refund: null removes a key. Raises FieldErrors."""
    return _update(refund, metadata, representations.refund, RefundUpdated, actor)


def update_credit_note(*, credit_note: CreditNote, actor: Principal, metadata: Change) -> CreditNote:
    """Merge `metadata` into that of a credit note: null removes a key. Raises FieldErrors."""
    return _update(credit_note, metadata, representations.credit_note, CreditNoteUpdated, actor)


def update_payment(*, payment: OffPlatformPayment, actor: Principal, metadata: Change) -> OffPlatformPayment:
    """Merge `metadata` into that of a payment: null removes a key. Raises FieldErrors."""
    return _update(payment, metadata, representations.payment, PaymentUpdated, actor)


def _update(
    row: Row,
    metadata: Change,
    represent: Callable[[Row], dict[str, Any]],
    event: type[Event],
    actor: Principal,
) -> Row:
    row = type(row).objects.select_for_update(no_key=True).get(id=row.id)
    before = row.metadata
    kept, problems = clean_metadata(merge_metadata(before, metadata))
    if problems:
        raise FieldErrors(problems)
    if kept == before:
        return row
    row.metadata, row.updated = kept, clock.now()
    row.save(update_fields=["metadata", "updated"])
    publish(
        event(object_id=row.public_id, object=represent(row), changes={"metadata": [before, kept]}),
        actor=actor,
    )
    return row
