"""Sellers: a company's details on its invoices, for each mode."""

from django.db import models
from django.db.models import Q

from billing.languages import Language
from core import clock
from core.postgres.constraints import CompositeForeignKey
from core.tenancy import TenantForeignKey, TenantModel

NUMBER_PREFIX = r"^[A-Z0-9](-?[A-Z0-9])*$"


class SellerLogo(TenantModel):
    """A logo as redrawn by `billing.logos`. It never changes, because issued documents continue to show it."""

    id_prefix = "logo"

    content = models.BinaryField()
    content_type = models.CharField(max_length=10)
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["company", "mode", "sha256"], name="billing_sellerlogo_once"),
            models.CheckConstraint(
                condition=Q(content_type__in=["image/png", "image/jpeg"], width__gte=1, height__gte=1),
                name="billing_sellerlogo_picture",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.width} × {self.height}"


class Seller(TenantModel):
    """The company's details on invoices. One row per mode; an invoice keeps a snapshot as of finalization."""

    id_prefix = "sel"

    legal_name = models.CharField(max_length=200, blank=True)
    address = models.JSONField(null=True)
    tax_ids = models.JSONField(default=list)
    bank_details = models.JSONField(null=True)
    logo = TenantForeignKey(SellerLogo, on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    footer = models.CharField(max_length=500, blank=True)
    number_prefix = models.CharField(max_length=16, blank=True)
    language = models.CharField(max_length=8, choices=Language, default=Language.EN)
    updated = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(name="billing_seller_logo", fields="logo", to="billing.SellerLogo"),
            models.UniqueConstraint(fields=["company", "mode"], name="billing_seller_once"),
            models.CheckConstraint(condition=Q(language__in=Language.values), name="billing_seller_language"),
            models.CheckConstraint(
                condition=Q(number_prefix="") | Q(number_prefix__regex=NUMBER_PREFIX),
                name="billing_seller_number_prefix",
            ),
        ]

    def __str__(self) -> str:
        return self.legal_name or "unnamed seller"
