"""The table of bookings."""

from django.db import models

from core import clock
from core.postgres.constraints import CompositeForeignKey
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel


class Booking(TenantModel):
    """A booking. Deleted softly, so that what refers to it stays readable."""

    id_prefix = "bkg"

    title = models.CharField(max_length=200)
    reference = models.CharField(max_length=200)
    starts_at = models.DateTimeField()
    guests = models.IntegerField(null=True)
    customer = TenantForeignKey(
        "billing.Customer", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    details = models.JSONField(default=dict)
    paid_until = models.DateField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    updated = models.DateTimeField(default=clock.now)
    deleted_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(name="bookings_booking_customer", fields="customer", to="billing.Customer"),
            models.UniqueConstraint(
                fields=["company", "mode", "reference"],
                name="bookings_booking_reference",
                condition=models.Q(deleted_at__isnull=True),
            ),
        ]
        indexes = [
            tenant_index(
                name="bookings_booking_present",
                condition=models.Q(deleted_at__isnull=True),
            ),
            tenant_index("customer", name="bookings_booking_by_customer"),
        ]

    def __str__(self) -> str:
        return self.title
