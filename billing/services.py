"""Writes of billing."""

from typing import Any

from django.db import IntegrityError, transaction

from billing import representations
from billing.events import CustomerCreated, CustomerDeleted, CustomerUpdated
from billing.models import Customer
from core import clock
from core.errors import DomainError
from core.events import publish
from core.principal import Principal


class ExternalIdTaken(DomainError):
    """Another customer of this company and mode already has this `external_id`."""

    code = "external_id_taken"
    status = 409
    title = "This external_id is taken"
    fix = "Update the customer that has it, or choose another."


def create_customer(*, actor: Principal, name: str, **fields: Any) -> Customer:
    """Create a customer. Raises ExternalIdTaken."""
    try:
        with transaction.atomic():
            row: Customer = Customer.objects.create(
                name=name, email_normalized=(fields.get("email") or "").lower(), **fields
            )
    except IntegrityError as error:
        raise ExternalIdTaken(f"A customer with external_id {fields.get('external_id')} exists.") from error
    publish(CustomerCreated(object_id=row.public_id, object=representations.customer(row)), actor=actor)
    return row


def update_customer(*, customer: Customer, actor: Principal, **fields: Any) -> Customer:
    """Change the given fields; `metadata` is replaced as a whole. Raises ExternalIdTaken."""
    changes = {
        name: [getattr(customer, name), value]
        for name, value in fields.items()
        if getattr(customer, name) != value
    }
    if not changes:
        return customer
    for name, (_, value) in changes.items():
        setattr(customer, name, value)
    customer.email_normalized = customer.email.lower()
    customer.updated = clock.now()
    try:
        with transaction.atomic():
            customer.save(update_fields=[*changes, "email_normalized", "updated"])
    except IntegrityError as error:
        raise ExternalIdTaken(f"A customer with external_id {fields.get('external_id')} exists.") from error
    publish(
        CustomerUpdated(
            object_id=customer.public_id, object=representations.customer(customer), changes=changes
        ),
        actor=actor,
    )
    return customer


def delete_customer(*, customer: Customer, actor: Principal) -> None:
    """Delete a customer; its invoices and charges stay readable."""
    customer.deleted_at = customer.updated = clock.now()
    customer.save(update_fields=["deleted_at", "updated"])
    publish(
        CustomerDeleted(object_id=customer.public_id, object=representations.customer(customer)), actor=actor
    )
