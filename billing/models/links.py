"""Links that show an invoice to anyone who has one, without signing in."""

from django.db import models
from django.db.models import Q

from billing.models.invoices import Invoice
from core.postgres.constraints import CompositeForeignKey
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel


class InvoiceLink(TenantModel):
    """A link. Its secret is stored as a hash and was shown once on creation, so that a copy of the database opens no invoice."""

    invoice = TenantForeignKey(Invoice, on_delete=models.PROTECT, related_name="links", db_index=False)
    token_hash = models.CharField(max_length=64)
    revoked_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(name="billing_invoicelink_invoice", fields="invoice", to="billing.Invoice"),
            # Looked up before the tenant is known.
            models.UniqueConstraint(fields=["token_hash"], name="billing_invoicelink_token"),
            models.CheckConstraint(
                condition=Q(("token_hash__regex", r"^[0-9a-f]{64}$")), name="billing_invoicelink_hash"
            ),
        ]
        indexes = [
            tenant_index("invoice", name="billing_invoicelink_by_invoice"),
        ]

    def __str__(self) -> str:
        return "revoked" if self.revoked_at else "link"
