"""Creates, updates and deletes customers."""

from functools import partial
from typing import Any

from billing import representations
from billing.events import CustomerCreated, CustomerDeleted, CustomerUpdated
from billing.models import Customer, CustomerMetadata, CustomerSearchWord
from billing.search import split_words
from billing.services.customer_fields import clean_customer_fields
from billing.services.errors import ExternalIdTaken
from billing.services.party_fields import merge
from core import clock
from core.errors import NotFound
from core.events import publish
from core.postgres.failures import refusing
from core.postgres.rows import insert_row, insert_rows
from core.principal import Principal
from core.values.changes import apply_changes, changed_fields
from core.values.metadata import merge_metadata

_EXTERNAL_ID = "billing_customer_external_id"


def create_customer(*, actor: Principal, name: str, **fields: Any) -> Customer:
    """Create a customer. Raises FieldErrors, ExternalIdTaken."""
    values = clean_customer_fields(_merged(None, {"name": name, **fields}))
    row = Customer(**{field: value for field, value in values.items() if value is not None})
    row.email_normalized = row.email.lower()
    if not insert_row(row, unless=_EXTERNAL_ID):
        raise ExternalIdTaken.by(Customer, row.external_id)
    _index(row, metadata_before={}, words_before=set())
    publish(CustomerCreated(object_id=row.public_id, object=representations.customer(row)), actor=actor)
    return row


def update_customer(*, customer: Customer, actor: Principal, **fields: Any) -> Customer:
    """Update the given fields: `metadata` and `address` are merged (null removes an entry), `tax_ids` are replaced.

    Raises FieldErrors, ExternalIdTaken, NotFound.
    """
    customer = _lock(customer)
    values = clean_customer_fields(_merged(customer, fields))
    changes = changed_fields(customer, values)
    if not changes:
        return customer
    before = representations.customer(customer)
    metadata_before, words_before = customer.metadata, _words(customer)
    apply_changes(customer, changes)
    customer.email_normalized = customer.email.lower()
    customer.updated = clock.now()
    with refusing(_EXTERNAL_ID, partial(ExternalIdTaken.by, Customer, customer.external_id)):
        customer.save(update_fields=[*changes, "email_normalized", "updated"])
    _index(customer, metadata_before=metadata_before, words_before=words_before)
    after = representations.customer(customer)
    publish(
        CustomerUpdated(
            object_id=customer.public_id,
            object=after,
            changes={name: [before[name], after[name]] for name in changes},
        ),
        actor=actor,
    )
    return customer


def delete_customer(*, customer: Customer, actor: Principal) -> None:
    """Delete a customer; its invoices and charges stay readable. Raises NotFound when it was deleted concurrently."""
    customer = _lock(customer)
    customer.deleted_at = customer.updated = clock.now()
    customer.save(update_fields=["deleted_at", "updated"])
    CustomerMetadata.objects.filter(customer=customer).delete()
    CustomerSearchWord.objects.filter(customer=customer).delete()
    publish(
        CustomerDeleted(object_id=customer.public_id, object=representations.customer(customer)), actor=actor
    )


def _merged(customer: Customer | None, fields: dict[str, Any]) -> dict[str, Any]:
    """Return `fields` with `metadata` and `address` merged into the customer's current ones."""
    merged = dict(fields)
    if "metadata" in fields:
        merged["metadata"] = merge_metadata(customer.metadata if customer else {}, fields["metadata"])
    if "address" in fields:
        merged["address"] = merge(customer.address if customer else None, fields["address"])
    return merged


def _lock(customer: Customer) -> Customer:
    """Lock the customer and return its current state. Raises NotFound when it was deleted."""
    try:
        locked: Customer = Customer.objects.select_for_update(no_key=True).get(
            id=customer.id, deleted_at=None
        )
    except Customer.DoesNotExist as error:
        raise NotFound from error
    return locked


def _words(customer: Customer) -> set[str]:
    return split_words(customer.name, customer.email, customer.phone, customer.external_id or "")


def _index(customer: Customer, *, metadata_before: dict[str, str], words_before: set[str]) -> None:
    """Update the customer's search index rows, writing only the differences."""
    entries = set(customer.metadata.items()) - set(metadata_before.items())
    gone = {key for key, value in metadata_before.items() if customer.metadata.get(key) != value}
    if gone:
        CustomerMetadata.objects.filter(customer=customer, key__in=gone).delete()
    if entries:
        rows = [{"customer_id": customer.id, "key": key, "value": value} for key, value in sorted(entries)]
        insert_rows(CustomerMetadata, rows)
    words = _words(customer)
    if words_before - words:
        CustomerSearchWord.objects.filter(customer=customer, word__in=words_before - words).delete()
    if words - words_before:
        rows = [{"customer_id": customer.id, "word": word} for word in sorted(words - words_before)]
        insert_rows(CustomerSearchWord, rows)
