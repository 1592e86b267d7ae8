"""How much of each limit a company uses, in words: on its page, and beside each field of the form that overrides its limits."""

from accounts.models import Company
from billing.entitlements import LIMIT_NAMES, limits_of
from config.pages.plan import RATES, used_last_minute
from core import clock
from core.tenancy import tenant_context
from messaging.selectors.usage import usage_of_day
from messaging.services.spend_caps import amount_text, spend_on
from webhooks.selectors import list_endpoints

UNKNOWN = "not known while Valkey cannot be reached"
UNPRICED = "not counted: the provider of SMS reports no prices"


def uses_of(company: Company) -> dict[str, str]:
    """Return by the name of each limit how much of it live mode uses: in the last minute, on the UTC day, or now."""
    limits, today = limits_of(company), clock.now().date()
    minute = used_last_minute(company.id, "live", limits)
    with tenant_context(company.live_tenant):
        recipients = {f"{usage.channel}_per_day": usage.used for usage in usage_of_day(today)}
        spend = spend_on(today)
        endpoints = list_endpoints().count()
    found = {name: f"{used:,} today" for name, used in recipients.items()}
    found["sms_spend_per_day"] = (
        f"{amount_text(spend.spent, spend.cap.currency)} today" if spend is not None else UNPRICED
    )
    for name in RATES:
        found[name] = UNKNOWN if minute is None else f"{minute[name]:,} in the last minute"
    found["webhook_endpoints"] = f"{endpoints:,} now; not counted per day"
    return {name: found[name] for name in LIMIT_NAMES}
