"""Senders allowed in live messages: verified domains with their DKIM keys, approved SMS senders, and SMS countries."""

from django.db import models

from accounts.models import Company
from core import clock
from core.postgres.constraints import CompositeForeignKey
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel


class SenderDomain(TenantModel):
    """A domain that a company claims; `verified` once DNS proves it (docs/architecture.md, Messages).

    `next_check_at` is when a worker checks its records again; NULL: only on request. Until `claimed_until`, a worker is checking
    them, unless it has died. `failing_since` is when the records of a verified domain were first missing. `results` is the outcome
    of the last check, by the purpose of each record.
    """

    id_prefix = "sd"

    class Status(models.TextChoices):
        """The verification status of the domain."""

        PENDING = "pending", "Pending"
        VERIFIED = "verified", "Verified"
        FAILED = "failed", "Failed"

    domain = models.CharField(max_length=253, help_text="In the ASCII form of IDNA, lower case.")
    token = models.CharField(max_length=64, help_text="What the TXT record of the challenge has to say.")
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    results = models.JSONField(default=dict)
    verified_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    next_check_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    warnings = models.PositiveSmallIntegerField(
        default=0, help_text="Mails to the owners about the present failure."
    )
    updated = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["company", "mode", "domain"], name="messaging_senderdomain_domain"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["pending", "verified", "failed"]),
                name="messaging_senderdomain_known_status",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="verified") | models.Q(verified_at__isnull=False),
                name="messaging_senderdomain_verified",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_check_at"],
                name="messaging_senderdomain_due",
                condition=models.Q(next_check_at__isnull=False),
            ),
            tenant_index(name="messaging_senderdomain_newest"),
            tenant_index("status", name="messaging_senderdomain_status"),
        ]

    def __str__(self) -> str:
        return self.domain


class DkimKey(TenantModel):
    """A key that signs a domain's mail. There are two, so that losing one DNS record loses no mail."""

    domain = TenantForeignKey(SenderDomain, on_delete=models.CASCADE, related_name="keys", db_index=False)
    selector = models.CharField(max_length=63)
    public_key = models.TextField(help_text="DER in Base64, as the DNS record has it (RFC 6376 §3.6.1).")
    private_key = models.TextField(help_text="Encrypted under FIELD_ENCRYPTION_KEYS.")
    verified = models.BooleanField(default=False, help_text="Whether its record was there at the last look.")

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="messaging_dkimkey_domain_fk", fields="domain", to="messaging.SenderDomain"
            ),
            models.UniqueConstraint(
                fields=["company", "mode", "domain", "selector"], name="messaging_dkimkey_selector"
            ),
        ]

    def __str__(self) -> str:
        return self.selector


class SmsSender(TenantModel):
    """A number or name used to send SMS: requested with a reason, or assigned; usable once staff approve."""

    id_prefix = "ss"

    class Status(models.TextChoices):
        """The decision of staff."""

        PENDING = "pending", "Pending"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"

    sender = models.CharField(max_length=16, help_text="A number in E.164, or 1 to 11 letters and digits.")
    sender_normalized = models.CharField(max_length=16)
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    reason = models.CharField(max_length=500, help_text="Why it is the company's to use.")
    decision = models.CharField(max_length=500, blank=True, help_text="What staff said to it.")
    decided_at = models.DateTimeField(null=True)
    updated = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        verbose_name = "SMS sender"
        verbose_name_plural = "SMS senders"
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["company", "mode", "sender_normalized"], name="messaging_smssender_sender"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["pending", "approved", "rejected"]),
                name="messaging_smssender_known_status",
            ),
        ]
        indexes = [
            tenant_index(name="messaging_smssender_newest"),
            tenant_index("status", name="messaging_smssender_status"),
        ]
        permissions = [
            ("approve_smssender", "Can approve SMS senders"),
            ("reject_smssender", "Can reject SMS senders"),
        ]

    def __str__(self) -> str:
        return self.sender


class CompanySenders(Company):
    """A company on the staff site's page for assigning SMS senders."""

    class Meta:
        proxy = True
        verbose_name = "company's senders"
        verbose_name_plural = "companies' senders"
        permissions = [("assign_smssender", "Can give a company an SMS sender")]


class SmsCountries(TenantModel):
    """The countries that a company sends SMS to: one row per tenant, created when they are first selected."""

    countries = models.JSONField(default=list, help_text="ISO 3166-1 codes of two letters.")
    updated = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["company", "mode"], name="messaging_smscountries_one"),
        ]

    def __str__(self) -> str:
        return ", ".join(self.countries)
