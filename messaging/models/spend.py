"""SMS costs: the price of each as reported by its provider, the total of a day, and the owners' spend cap."""

from decimal import Decimal

from django.db import models

from core import clock
from core.postgres.constraints import CompositeForeignKey
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel
from messaging.models.messages import Recipient

# Providers charge fractions of a minor unit: 0.00750 USD for a segment.
DIGITS, DECIMALS = 14, 6


def decimal_text(amount: Decimal) -> str:
    """Return an amount as a plain decimal string, without exponent and trailing zeros."""
    return f"{amount.normalize():f}"


class SmsSpendCap(TenantModel):
    """The owners' cap on SMS costs per UTC day: one row per tenant that has one. The limit set by staff applies as well."""

    amount = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    currency = models.CharField(max_length=3)
    updated = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["company", "mode"], name="messaging_smsspendcap_one"),
            models.CheckConstraint(condition=models.Q(amount__gte=0), name="messaging_smsspendcap_amount"),
        ]

    def __str__(self) -> str:
        return f"{decimal_text(self.amount)} {self.currency}"


class SmsSpend(TenantModel):
    """The cost of the SMS of a UTC day (of `send_at`): reported prices, plus estimates for unknown ones."""

    day = models.DateField()
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS, default=0)
    notified_percent = models.PositiveSmallIntegerField(
        default=0, help_text="The share of the cap that owners were last notified of."
    )
    notified_cap = models.DecimalField(
        max_digits=DIGITS,
        decimal_places=DECIMALS,
        default=0,
        help_text="The cap that this share was of.",
    )

    class Meta(TenantModel.Meta):
        verbose_name = "SMS spend"
        verbose_name_plural = "SMS spend"
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["company", "mode", "day", "currency"], name="messaging_smsspend_day"
            ),
            models.CheckConstraint(condition=models.Q(amount__gte=0), name="messaging_smsspend_amount"),
        ]

    def __str__(self) -> str:
        return f"{self.day}: {decimal_text(self.amount)} {self.currency}"


class SmsPrice(TenantModel):
    """The price of an SMS to one recipient. Until the provider reports the `price`, the estimate `held` counts.

    `ask_at` is when a worker queries the provider next, or, while one is doing so, when its lease expires; NULL when no more
    queries are needed. `attempts` counts them and is the fencing token. `problem` says why the last response contained no price.
    """

    class States(models.TextChoices):
        """Whether the price is known: not yet, reported, or not reported within days, so that the estimate stays counted."""

        HELD = "held", "Held"
        KNOWN = "known", "Known"
        UNKNOWN = "unknown", "Unknown"

    recipient = TenantForeignKey(Recipient, on_delete=models.CASCADE, related_name="prices", db_index=False)
    day = models.DateField()
    country = models.CharField(max_length=2, blank=True, help_text="ISO 3166-1 code of the number's country.")
    segments = models.PositiveSmallIntegerField()
    currency = models.CharField(max_length=3)
    held = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    price = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS, null=True)
    state = models.CharField(max_length=7, choices=States, default=States.HELD)
    problem = models.CharField(max_length=50, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    ask_at = models.DateTimeField(null=True)
    updated = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        verbose_name = "SMS price"
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="messaging_smsprice_recipient_fk", fields="recipient", to="messaging.Recipient"
            ),
            models.UniqueConstraint(
                fields=["company", "mode", "recipient"], name="messaging_smsprice_recipient"
            ),
            models.CheckConstraint(
                condition=models.Q(state="held", price__isnull=True, ask_at__isnull=False)
                | models.Q(state="known", price__isnull=False, ask_at__isnull=True)
                | models.Q(state="unknown", price__isnull=True, ask_at__isnull=True),
                name="messaging_smsprice_state",
            ),
            models.CheckConstraint(
                condition=models.Q(held__gte=0) & (models.Q(price__isnull=True) | models.Q(price__gte=0)),
                name="messaging_smsprice_amounts",
            ),
        ]
        indexes = [
            models.Index(
                fields=["ask_at"], name="messaging_smsprice_due", condition=models.Q(ask_at__isnull=False)
            ),
            # Previous prices of similar SMS.
            tenant_index(
                "country",
                "segments",
                name="messaging_smsprice_like",
                condition=models.Q(state="known"),
            ),
        ]

    def __str__(self) -> str:
        return f"{decimal_text(self.held if self.price is None else self.price)} {self.currency}"
