"""What a company's SMS cost, and may cost, on a UTC day."""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal

from django.conf import settings

from billing.entitlements import current_limits
from core.errors import DomainError
from core.tenancy import require_tenant
from core.values.currencies import EXPONENTS, money_text
from messaging.channels import get_channel
from messaging.models import SmsSpend, SmsSpendCap
from messaging.providers import provider_name, reads_prices


class SmsPricesUnknown(DomainError):
    """The provider of SMS does not say what they cost, so that no amount can be held against a cap."""

    code = "sms_prices_unknown"
    status = 409
    title = "What SMS cost is not known"
    fix = "Nothing to do: the daily cap on recipients holds."
    only_on_pages = True


@dataclass(frozen=True, slots=True)
class SpendCap:
    """What SMS may cost on a day: `limit` by the company's tier or staff, `own` by its owners, None where they have set none."""

    currency: str
    limit: Decimal
    own: Decimal | None

    @property
    def amount(self) -> Decimal:
        """The lower of the two."""
        return self.limit if self.own is None else min(self.own, self.limit)


@dataclass(frozen=True, slots=True)
class DaySpend:
    """What the SMS of a day have cost, against the cap."""

    spent: Decimal
    cap: SpendCap

    @property
    def shown(self) -> Decimal:
        """What was spent in whole minor units, rounded up."""
        return rounded(self.spent, self.cap.currency)

    @property
    def shown_cap(self) -> Decimal:
        """The cap in whole minor units."""
        return rounded(self.cap.amount, self.cap.currency)


def are_prices_known() -> bool:
    """Return whether the provider of the current tenant's SMS says what each costs. Test mode sends none."""
    mode = require_tenant().mode
    return mode == "live" and reads_prices(provider_name(get_channel("sms"), mode))


def spend_cap() -> SpendCap | None:
    """Return what the current tenant's SMS may cost a day; None where prices are not known."""
    if not are_prices_known():
        return None
    own = SmsSpendCap.objects.filter(currency=settings.SMS_PRICE_CURRENCY).first()
    return SpendCap(
        currency=settings.SMS_PRICE_CURRENCY,
        limit=Decimal(current_limits().sms_spend_per_day),
        own=own.amount if own else None,
    )


def require_spend_cap() -> SpendCap:
    """Return what the current tenant's SMS may cost a day. Raises SmsPricesUnknown."""
    cap = spend_cap()
    if cap is None:
        raise SmsPricesUnknown("The provider of your SMS does not say what they cost.")
    return cap


def spend_on(day: date) -> DaySpend | None:
    """Return what the SMS of a UTC day have cost; None where prices are not known."""
    cap = spend_cap()
    if cap is None:
        return None
    row = SmsSpend.objects.filter(day=day, currency=cap.currency).first()
    return DaySpend(row.amount if row else Decimal(0), cap)


def stale_cap() -> SmsSpendCap | None:
    """Return the cap of the owners where it is in a currency that prices are no longer in, so that it has no effect."""
    return SmsSpendCap.objects.exclude(currency=settings.SMS_PRICE_CURRENCY).first()


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Return `amount` in whole minor units of the currency, rounded up."""
    return amount.quantize(Decimal(1).scaleb(-EXPONENTS[currency]), rounding=ROUND_CEILING)


def amount_text(amount: Decimal, currency: str) -> str:
    """Return `amount` as people write it, in whole minor units, rounded up."""
    return money_text(int(rounded(amount, currency).scaleb(EXPONENTS[currency])), currency)
