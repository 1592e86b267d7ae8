"""Customers of a company, and what they owe and pay."""

from django.db import models

from core import clock
from core.tenancy import TenantModel


class Customer(TenantModel):
    """Somebody a company does business with. Deleted softly, so that invoices stay readable."""

    id_prefix = "cus"

    name = models.CharField(max_length=200)
    email = models.EmailField(max_length=254, blank=True)
    email_normalized = models.CharField(max_length=254, blank=True, editable=False)
    phone = models.CharField(max_length=32, blank=True)
    address = models.JSONField(null=True)
    external_id = models.CharField(max_length=100, null=True)  # noqa: DJ001  NULL repeats in a unique key, "" does not
    metadata = models.JSONField(default=dict)
    updated = models.DateTimeField(default=clock.now)
    deleted_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["company", "mode", "external_id"],
                name="billing_customer_external_id",
                condition=models.Q(deleted_at__isnull=True),
            ),
        ]
        indexes = [
            models.Index(
                fields=["company", "mode", "-id"],
                name="billing_customer_present",
                condition=models.Q(deleted_at__isnull=True),
            ),
            models.Index(
                fields=["company", "mode", "email_normalized", "-id"], name="billing_customer_email"
            ),
        ]

    def __str__(self) -> str:
        return self.name
