"""Reads of billing's objects, all inside the current tenant."""

from django.db.models import QuerySet

from billing.models import Customer
from core import ids
from core.errors import NotFound


def list_customers() -> QuerySet[Customer]:
    """Return the customers that are not deleted."""
    return Customer.objects.filter(deleted_at=None)


def get_customer(public_id: str) -> Customer:
    """Return the customer; raises NotFound when it is missing, deleted or foreign."""
    try:
        return list_customers().get(id=ids.decode("cus", public_id))
    except (ids.InvalidId, Customer.DoesNotExist) as error:
        raise NotFound from error
