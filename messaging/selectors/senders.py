"""Queries of senders: in the current tenant, and for messages of many companies when they are claimed."""

import uuid
from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from django.db import connection
from django.db.models import QuerySet

from accounts.models import Membership
from core.postgres.orders import NEWEST
from messaging.channels.sms import country_of
from messaging.models import SenderDomain, SmsCountries, SmsSender

# What a message may have to be checked against: its domain's keys, its company's members, its SMS sender and countries.
Need = Literal["domains", "members", "sms"]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of a domain; `verified` is whether the last check found its record. `private_key` is encrypted."""

    selector: str
    private_key: str
    verified: bool


@dataclass(frozen=True, slots=True)
class ProvedDomain:
    """A domain that mail may be sent from, with its keys; `returns` is whether bounces may go to a host below it."""

    domain: str
    keys: tuple[SigningKey, ...]
    returns: bool


@dataclass(frozen=True, slots=True)
class Senders:
    """The allowed senders of a company in live mode, and its SMS countries."""

    domains: tuple[ProvedDomain, ...] = ()
    members: frozenset[str] = frozenset()
    sms: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()

    def domain_of(self, host: str) -> ProvedDomain | None:
        """Return the verified domain that covers `host`, the longest of several."""
        fitting = [domain for domain in self.domains if covers(domain.domain, host)]
        return max(fitting, key=lambda domain: len(domain.domain), default=None)


NOBODY = Senders()


def covers(domain: str, host: str) -> bool:
    """Return whether `host` is the domain or a subdomain: subdomains are covered by their domain."""
    return host == domain or host.endswith(f".{domain}")


# The sort columns of the lists, served by the tenant's unique keys.
SENDER_DOMAIN_SORT = {"domain": "domain"}
SMS_SENDER_SORT = {"sender": "sender_normalized"}


def list_domains() -> QuerySet[SenderDomain]:
    """Return the domains with their keys."""
    return SenderDomain.objects.prefetch_related("keys")


def get_domain(public_id: str) -> SenderDomain:
    """Return the domain. Raises core.errors.NotFound if it is missing or belongs to another tenant."""
    return SenderDomain.by_public_id(public_id)


def list_sms_senders() -> QuerySet[SmsSender]:
    """Return the SMS senders of any status."""
    return SmsSender.objects.order_by(NEWEST)


def get_sms_sender(public_id: str) -> SmsSender:
    """Return the SMS sender. Raises core.errors.NotFound if it is missing or belongs to another tenant."""
    return SmsSender.by_public_id(public_id)


def chosen_countries() -> frozenset[str]:
    """Return the countries that the current tenant has enabled for SMS."""
    row = SmsCountries.objects.first()
    return frozenset(row.countries) if row else frozenset()


def proved_domains() -> list[str]:
    """Return the current tenant's verified domains, the first verified one first."""
    rows = SenderDomain.objects.filter(status="verified").order_by("verified_at", "id")
    return list(rows.values_list("domain", flat=True))


def member_emails() -> frozenset[str]:
    """Return the email addresses of the current company's active members."""
    rows = Membership.objects.filter(user__is_active=True)
    return frozenset(rows.values_list("user__email", flat=True))


def approved_sms_senders() -> list[SmsSender]:
    """Return the current tenant's approved SMS senders, oldest first."""
    return list(SmsSender.objects.filter(status="approved").order_by("id"))


def countries_of(chosen: SmsCountries | None, approved: Iterable[SmsSender]) -> frozenset[str]:
    """Return the selected countries; if none were ever selected, those of the `approved` numbers."""
    if chosen is not None:
        return frozenset(chosen.countries)
    return frozenset(country_of(row.sender) for row in approved if row.sender.startswith("+"))


def senders_of(companies: Iterable[uuid.UUID], needed: Container[Need]) -> dict[uuid.UUID, Senders]:
    """Return what these companies may send as in live mode, limited to what is `needed`.

    Must be called inside `system_context`.
    """
    wanted = set(companies)
    domains: dict[uuid.UUID, list[ProvedDomain]] = {}
    members: list[tuple[uuid.UUID, str]] = []
    sms: list[SmsSender] = []
    chosen: dict[uuid.UUID, SmsCountries] = {}
    if "domains" in needed:
        domains = _proved_domains_of(wanted)
    if "members" in needed:
        people = Membership.objects.filter(company_id__in=wanted, user__is_active=True)
        members = list(people.values_list("company_id", "user__email"))
    if "sms" in needed:
        sms = list(SmsSender.objects.filter(mode="live", status="approved", company_id__in=wanted))
        chosen = {
            row.company_id: row for row in SmsCountries.objects.filter(mode="live", company_id__in=wanted)
        }
    return {
        company: Senders(
            domains=tuple(domains.get(company, ())),
            members=frozenset(email for owner, email in members if owner == company),
            sms=frozenset(row.sender_normalized for row in sms if row.company_id == company),
            countries=countries_of(chosen.get(company), (row for row in sms if row.company_id == company)),
        )
        for company in wanted
    }


# Runs for each claim of live mail: compiling the same query with the ORM takes longer than executing it.
_KEYS = """\
SELECT d.company_id, d.id, d.domain, d.results -> 'return_path' ->> 'state', k.selector, k.private_key, k.verified
FROM messaging_senderdomain d
JOIN messaging_dkimkey k ON k.company_id = d.company_id AND k.mode = d.mode AND k.domain_id = d.id
WHERE d.company_id = ANY(%s) AND d.mode = 'live' AND d.status = 'verified'
ORDER BY d.verified_at, d.id, k.id
"""


def _proved_domains_of(companies: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[ProvedDomain]]:
    found: dict[uuid.UUID, list[ProvedDomain]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_KEYS, [list(companies)])
        rows = cursor.fetchall()
    for (company, _, domain, state), keys in groupby(rows, key=lambda row: row[:4]):
        found[company].append(
            ProvedDomain(domain, tuple(SigningKey(*key[4:]) for key in keys), returns=state == "found")
        )
    return found
