"""Customers of a company, and two narrow tables for finding them.

Under row-level security, only leakproof operators can use an index (docs/architecture.md, Tenancy), which rules out jsonb
containment and full-text search; so metadata and search words are rows, served by plain B-trees.
"""

from django.db import models

from billing.languages import Language
from core import clock
from core.postgres.constraints import CompositeForeignKey
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel


class TaxExemption(models.TextChoices):
    """Whether a customer's invoices have tax."""

    NONE = "none", "Taxed"
    EXEMPT = "exempt", "Exempt"
    REVERSE = "reverse", "Reverse charge"


class Customer(TenantModel):
    """A person or company that a company does business with. Soft-deleted, so that invoices stay readable."""

    id_prefix = "cus"
    TaxExemption = TaxExemption

    name = models.CharField(max_length=200)
    email = models.EmailField(max_length=254, blank=True)
    email_normalized = models.CharField(max_length=254, blank=True, editable=False)
    phone = models.CharField(max_length=32, blank=True)
    address = models.JSONField(null=True)
    tax_ids = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    tax_exempt = models.CharField(
        max_length=8, choices=TaxExemption, default=TaxExemption.NONE, db_default="none"
    )
    preferred_language = models.CharField(max_length=8, choices=Language, blank=True, db_default="")
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
            models.CheckConstraint(condition=~models.Q(name=""), name="billing_customer_named"),
            models.CheckConstraint(
                condition=models.Q(tax_exempt__in=TaxExemption.values), name="billing_customer_tax_exempt"
            ),
            models.CheckConstraint(
                condition=~models.Q(external_id=""), name="billing_customer_external_id_set"
            ),
        ]
        indexes = [
            tenant_index(
                name="billing_customer_present",
                condition=models.Q(deleted_at__isnull=True),
            ),
            tenant_index(
                "name", name="billing_customer_by_name", condition=models.Q(deleted_at__isnull=True)
            ),
            tenant_index("email_normalized", name="billing_customer_email"),
        ]

    def __str__(self) -> str:
        return self.name


class CustomerMetadata(TenantModel):
    """An entry of a customer's metadata, for filtering. `Customer.metadata` is authoritative."""

    customer = TenantForeignKey(Customer, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=40)
    value = models.CharField(max_length=500)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="billing_customermetadata_customer", fields="customer", to="billing.Customer"
            ),
            models.UniqueConstraint(
                fields=["company", "mode", "customer", "key"], name="billing_customermetadata_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["company", "mode", "key", "value", "customer"], name="billing_customermetadata_find"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class CustomerSearchWord(TenantModel):
    """A search word of a customer. The collation is "C", so that a prefix is one range of the index."""

    customer = TenantForeignKey(Customer, on_delete=models.CASCADE, related_name="+", db_index=False)
    word = models.CharField(max_length=64, db_collation="C")

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="billing_customersearchword_customer", fields="customer", to="billing.Customer"
            ),
            models.UniqueConstraint(
                fields=["company", "mode", "customer", "word"], name="billing_customersearchword_once"
            ),
        ]
        indexes = [
            models.Index(fields=["company", "mode", "word", "customer"], name="billing_customersearch_find")
        ]

    def __str__(self) -> str:
        return self.word
