"""The limits of each tier, and requests for another tier: owners request, staff decide."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Company
from core import clock
from core.tenancy import CompanyModel

# The maximum value of a limit.
MAX_LIMIT = 1_000_000_000


class TierLimits(models.Model):
    """The limits of a tier, the same for every company on it. Read by billing.entitlements only; `app` cannot write it."""

    tier = models.CharField(max_length=20, choices=Company.Tiers, primary_key=True)
    requests_per_minute = models.BigIntegerField()
    messages_per_minute = models.BigIntegerField()
    email_per_day = models.BigIntegerField()
    sms_per_day = models.BigIntegerField()
    webhook_endpoints = models.BigIntegerField()
    sms_spend_per_day = models.BigIntegerField(help_text="Whole units of SMS_PRICE_CURRENCY.")
    updated = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name = "tier"
        verbose_name_plural = "tiers"
        permissions = [("set_tier_limits", "Can change what a tier allows")]
        constraints = [
            models.CheckConstraint(
                condition=Q(tier__in=Company.Tiers.values), name="billing_tierlimits_tier"
            ),
            models.CheckConstraint(
                condition=Q(
                    requests_per_minute__range=(0, MAX_LIMIT),
                    messages_per_minute__range=(0, MAX_LIMIT),
                    email_per_day__range=(0, MAX_LIMIT),
                    sms_per_day__range=(0, MAX_LIMIT),
                    webhook_endpoints__range=(0, MAX_LIMIT),
                    sms_spend_per_day__range=(0, MAX_LIMIT),
                ),
                name="billing_tierlimits_ranges",
            ),
        ]

    def __str__(self) -> str:
        return self.get_tier_display()


class TierRequest(CompanyModel):
    """An owner's request for another tier. At most one is open per company."""

    id_prefix = "trq"

    class Status(models.TextChoices):
        """open → applied | declined | withdrawn."""

        OPEN = "open", "Open"
        APPLIED = "applied", "Applied"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"

    tier = models.CharField(max_length=20, choices=Company.Tiers)
    note = models.CharField(max_length=1000, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    status = models.CharField(max_length=16, choices=Status, default=Status.OPEN)
    decided_at = models.DateTimeField(null=True)
    decision_note = models.CharField(max_length=500, blank=True)

    class Meta(CompanyModel.Meta):
        permissions = [
            ("apply_tierrequest", "Can give a company the tier it asks for"),
            ("decline_tierrequest", "Can decline a company's wish for another tier"),
        ]
        constraints = [
            *CompanyModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["company"], name="billing_tierrequest_open_once", condition=Q(status="open")
            ),
            models.CheckConstraint(
                condition=Q(tier__in=Company.Tiers.values), name="billing_tierrequest_tier"
            ),
            models.CheckConstraint(
                condition=Q(status="open", decided_at__isnull=True)
                | (Q(status__in=["applied", "declined", "withdrawn"]) & Q(decided_at__isnull=False)),
                name="billing_tierrequest_decided",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.company.name} asks for {self.tier} ({self.status})"


class CompanyPlan(Company):
    """A company on the staff site's pages about its tier and limits; accounts has one for its members."""

    class Meta:
        proxy = True
        verbose_name = "plan"
        permissions = [
            ("change_tier", "Can put a company on another tier"),
            ("override_limits", "Can override a company's limits"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.tier})"
