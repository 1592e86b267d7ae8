"""`system_context` is the one door past the wall between companies. Everyone who goes through it stands here."""

import ast
from pathlib import Path

from django.conf import settings

# (module, number of uses, why a tenant is not enough there)
CALLERS = {
    "accounts.selectors": (3, "memberships of a user, invitation by token, company by an operator's word"),
    "accounts.services.allowances": (
        2,
        "what a person, an address and a recipient had today, of every company",
    ),
    "accounts.services.sign_ins": (1, "a failed sign-in belongs to no company yet"),
    "apikeys.attempts": (1, "failed authentication is counted before a company is known"),
    "apikeys.rotation": (1, "an operator asks which peppers every company's keys still need"),
    "apikeys.selectors": (4, "key by locator, before its company is known"),
    "apikeys.services.moving": (3, "an operator moves every secret to another store"),
    "apikeys.services.reports": (4, "a found secret is taken in and looked up before its company is known"),
    "apikeys.services.notices": (1, "the sweep for keys about to expire"),
    "apikeys.usage": (1, "last uses of many companies' keys in one batch"),
    "apikeys.verification": (1, "a secret's first match, before its company is known"),
    "audit.ingest.body_writer": (1, "bodies of requests of many companies in one batch"),
    "audit.ingest.store": (1, "request rows of many companies in one batch"),
    "audit.restoring": (1, "an operator asks what a backup of every company's trail does not know of"),
    "audit.retention": (1, "old partitions are dropped for all companies at once"),
    "audit.rotation": (1, "an operator asks which key has signed every company's heads"),
    "audit.seals.entries": (1, "seals of every company and day"),
    "audit.seals.heads": (1, "signed heads of every company and day"),
    "audit.seals.waiting": (1, "how long the oldest entry has waited for its seal, named by nobody"),
    "audit.verification": (4, "an operator verifies every company's trail, a company one chain of its own"),
    "billing.entitlements": (1, "limits of a key's company, before its tenant is set"),
    "billing.selectors": (1, "an invoice's link, before its company is known"),
    "billing.services.completion": (1, "the sweep for payments that a crash interrupted"),
    "billing.services.reports": (1, "a gateway's report names a payment, not a company"),
    "billing.services.disputes": (2, "a gateway's report names a charge, not a company"),
    "billing.services.overdue": (2, "the sweep for invoices that have become overdue"),
    "billing.services.tier_limits": (1, "the limits of a tier hold for every company on it"),
    "config.admin": (1, "staff support every company; each look is audited"),
    "core.mail.delivery": (4, "mails of our own belong to people, not to a company"),
    "core.security.rotation": (2, "an operator encrypts every company's values anew"),
    "core.background.pruning": (1, "rows of every company that were kept long enough"),
    "core.background.watch": (1, "who keeps a transaction open, of the whole server"),
    "core.background.set_aside": (4, "what batches of every company set aside, for staff"),
    "messaging.selectors.messages": (3, "a provider's report names a message, not a company"),
    "messaging.selectors.waiting": (1, "how long the oldest message has been due, named by nobody"),
    "messaging.services.retention": (3, "old messages and counts of every company"),
    "messaging.services.domain_checks": (1, "senders' domains that are due, whoever's they are"),
    "messaging.services.prices": (1, "SMS whose prices are due, whoever's they are"),
    "messaging.services.reputation": (1, "companies whose email bounced or was reported"),
    "messaging.services.claiming": (1, "due messages of every company, fairly"),
    "messaging.services.statistics": (1, "hourly counts of every company"),
    "webhooks.delivery.cycle": (4, "due deliveries of every company, fairly"),
    "webhooks.delivery.metrics": (
        2,
        "how long the oldest event and due delivery have waited, named by nobody",
    ),
    "webhooks.emails": (1, "notices that are due, of every company"),
    "webhooks.recovery": (1, "recovery jobs that are due, of every company"),
    "webhooks.selectors.positions": (1, "news for all that wait for an event, in one query"),
    "webhooks.relay": (2, "events of every company become deliveries"),
}
APPS = ("accounts", "apikeys", "audit", "billing", "config", "core", "messaging", "webhooks")


def uses_of_the_door() -> dict[str, int]:
    """Return how often each module of the product calls `system_context`."""
    found: dict[str, int] = {}
    for app in APPS:
        for path in sorted((Path(settings.BASE_DIR) / app).rglob("*.py")):
            calls = [
                node
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Call)
                and getattr(node.func, "id", getattr(node.func, "attr", "")) == "system_context"
            ]
            if calls:
                module = ".".join(path.relative_to(settings.BASE_DIR).with_suffix("").parts)
                found[module.removesuffix(".__init__")] = len(calls)
    return found


def test_every_caller_of_system_context_is_listed_with_a_reason() -> None:
    assert uses_of_the_door() == {module: count for module, (count, _) in CALLERS.items()}


def test_nobody_takes_the_role_by_hand() -> None:
    by_hand = [
        str(path)
        for app in APPS
        for path in (Path(settings.BASE_DIR) / app).rglob("*.py")
        if "ROLE SYSTEM" in path.read_text().upper() and path.name not in ("base.py", "tenancy.py")
    ]
    assert by_hand == []
