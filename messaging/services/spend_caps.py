"""The cost of a company's SMS on a UTC day, and its cap."""

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
    """The SMS provider does not report prices, so no cap can be enforced."""

    code = "sms_prices_unknown"
    status = 409
    title = "What SMS cost is not known"
    fix = "Nothing to do: the daily cap on recipients holds."
    only_on_pages = True


@dataclass(frozen=True, slots=True)
class SpendCap:
    """The daily SMS cap: `limit` is set by the tier or by staff, `own` by the owners (None if they have set none)."""

    currency: str
    limit: Decimal
    own: Decimal | None

    @property
    def amount(self) -> Decimal:
        """The lower of the two."""
        return self.limit if self.own is None else min(self.own, self.limit)


@dataclass(frozen=True, slots=True)
class DaySpend:
    """The cost of a day's SMS, and the cap."""

    spent: Decimal
    cap: SpendCap

    @property
    def shown(self) -> Decimal:
        """The cost in whole minor units, rounded up."""
        return rounded(self.spent, self.cap.currency)

    @property
    def shown_cap(self) -> Decimal:
        """The cap in whole minor units."""
        return rounded(self.cap.amount, self.cap.currency)


def are_prices_known() -> bool:
    """Return whether the provider of the current tenant's SMS reports prices. Test mode sends none."""
    mode = require_tenant().mode
    return mode == "live" and reads_prices(provider_name(get_channel("sms"), mode))


def spend_cap() -> SpendCap | None:
    """Return the current tenant's daily SMS cap; None if prices are not known."""
    if not are_prices_known():
        return None
    own = SmsSpendCap.objects.filter(currency=settings.SMS_PRICE_CURRENCY).first()
    return SpendCap(
        currency=settings.SMS_PRICE_CURRENCY,
        limit=Decimal(current_limits().sms_spend_per_day),
        own=own.amount if own else None,
    )


def require_spend_cap() -> SpendCap:
    """Return the current tenant's daily SMS cap. Raises SmsPricesUnknown."""
    cap = spend_cap()
    if cap is None:
        raise SmsPricesUnknown("The provider of your SMS does not say what they cost.")
    return cap


def spend_on(day: date) -> DaySpend | None:
    """Return the cost of the SMS of a UTC day; None if prices are not known."""
    cap = spend_cap()
    if cap is None:
        return None
    row = SmsSpend.objects.filter(day=day, currency=cap.currency).first()
    return DaySpend(row.amount if row else Decimal(0), cap)


def stale_cap() -> SmsSpendCap | None:
    """Return the owners' cap if it is in a currency that is no longer used for prices, so that it has no effect."""
    return SmsSpendCap.objects.exclude(currency=settings.SMS_PRICE_CURRENCY).first()


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Return `amount` in whole minor units of the currency, rounded up."""
    return amount.quantize(Decimal(1).scaleb(-EXPONENTS[currency]), rounding=ROUND_CEILING)


def amount_text(amount: Decimal, currency: str) -> str:
    """Return `amount` formatted in whole minor units, rounded up."""
    return money_text(int(rounded(amount, currency).scaleb(EXPONENTS[currency])), currency)
