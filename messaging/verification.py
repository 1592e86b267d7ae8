"""The DNS records required of a sender domain, and their verification (no database here: a check takes seconds).

Two records prove a domain: the challenge, which only its owner can have set, and a DKIM key, with which receivers verify every
email. SPF, the return path and DMARC are recommendations: they improve delivery, and are shown as missing, but prove nothing.
"""

import ipaddress
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import dns.exception
import dns.nameserver
import dns.resolver
from django.conf import settings

from core.postgres.outside import outside_transactions
from core.values.email_addresses import InvalidEmail, parse_email
from core.values.texts import storable
from messaging.models import DkimKey, SenderDomain
from messaging.signing import key_record

Purpose = Literal["challenge", "dkim", "spf", "return_path", "dmarc"]
State = Literal["unchecked", "found", "missing", "differs", "unreachable"]

CHALLENGE_LABEL = "_pomelo-challenge"
RETURN_LABEL = "bounces"
# Seconds for one record, across all name servers and attempts, and for one attempt.
LOOKUP_SECONDS = 4.0
TRY_SECONDS = 1.5
# Seconds for all records of one domain. Its name servers belong to the company, and may be arbitrarily slow: domains that are
# checked together wait for the slowest.
DOMAIN_SECONDS = 20.0
# The names queried for a DMARC policy, including the domain itself (draft-ietf-dmarc-dmarcbis §4.10).
MOST_POLICIES = 8
# The part of a response that is stored, so that a company sees what was found instead.
MAX_VALUES, MAX_VALUE = 10, 500
AT_A_TIME = 16
# The names of its records must fit into 253 characters.
MAX_DOMAIN = 200


@dataclass(frozen=True, slots=True)
class Record:
    """A DNS record. `name` is absolute, without the trailing dot; the domain is not verified without its `required` ones."""

    key: str
    purpose: Purpose
    type: Literal["TXT", "CNAME"]
    name: str
    value: str
    required: bool


@dataclass(frozen=True, slots=True)
class RecordCheck:
    """The result of checking a record."""

    state: State
    found: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the result as it is stored."""
        return {"state": self.state, "found": list(self.found)}


def return_path_target() -> str:
    """Return the host that receives bounces, as the target of a domain's return path; empty if none is configured."""
    return settings.MESSAGING_RETURN_PATH.rpartition("@")[2].strip("> ").lower()


def records_of(domain: SenderDomain, keys: Iterable[DkimKey]) -> list[Record]:
    """Return the records that the company has to set, in the order of the page."""
    name = domain.domain
    records = [
        Record("challenge", "challenge", "TXT", f"{CHALLENGE_LABEL}.{name}", f"pomelo={domain.token}", True)
    ]
    records += [
        Record(
            f"dkim:{key.selector}",
            "dkim",
            "TXT",
            f"{key.selector}._domainkey.{name}",
            key_record(key.public_key),
            number == 0,
        )
        for number, key in enumerate(sorted(keys, key=lambda key: key.id))
    ]
    if include := settings.MESSAGING_SPF_INCLUDE:
        records.append(Record("spf", "spf", "TXT", name, f"v=spf1 include:{include} ~all", False))
    if target := return_path_target():
        records.append(Record("return_path", "return_path", "CNAME", f"{RETURN_LABEL}.{name}", target, False))
    records.append(Record("dmarc", "dmarc", "TXT", f"_dmarc.{name}", "v=DMARC1; p=none", False))
    return records


def look_up_all(wanted: Mapping[Any, Sequence[Record]]) -> dict[Any, dict[str, RecordCheck]]:
    """Check the DNS records of many domains, a few domains at a time; return the results by the record's key."""
    outside_transactions("dns")
    resolver = make_resolver()
    with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="dns") as pool:
        found = pool.map(
            lambda records: look_up_records(resolver, records),
            wanted.values(),
        )
        return dict(zip(wanted, found, strict=True))


def make_resolver() -> dns.resolver.Resolver:
    """Return a resolver for the servers of MESSAGING_DNS_RESOLVERS, or the system's if none are set."""
    servers = [read_server(text) for text in settings.MESSAGING_DNS_RESOLVERS]
    resolver = dns.resolver.Resolver(configure=not servers)
    if servers:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(address, port) for address, port in servers]
    resolver.lifetime, resolver.timeout = LOOKUP_SECONDS, TRY_SECONDS
    resolver.cache = None
    return resolver


def read_server(text: str) -> tuple[str, int]:
    """Return the address and port of `192.0.2.1`, `192.0.2.1:5353` or `[2001:db8::1]:5353`. Raises ValueError."""
    host, port = text.strip(), "53"
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    if not 0 < int(port) < 65536:
        raise ValueError(f"{port} is no port")
    return str(ipaddress.ip_address(host)), int(port)


def look_up_records(resolver: dns.resolver.Resolver, records: Sequence[Record]) -> dict[str, RecordCheck]:
    """Check the DNS records of one domain in order, within DOMAIN_SECONDS; return the results by the record's key."""
    until = time.monotonic() + DOMAIN_SECONDS
    return {record.key: look_up(resolver, record, until=until) for record in records}


def look_up(resolver: dns.resolver.Resolver, record: Record, *, until: float) -> RecordCheck:
    """Check a record, until `until` on the monotonic clock.

    If a server does not respond in time, the record is `unreachable`, which is different from `missing`.
    """
    state, values = _query(resolver, record.name, record.type, until)
    if record.purpose == "dmarc":
        # A policy of the organization's domain applies to its subdomains (RFC 7489 §6.6.3).
        for parent in _parents(record.name.removeprefix("_dmarc.")):
            if state != "missing":
                break
            state, values = _query(resolver, f"_dmarc.{parent}", "TXT", until)
    if state != "found":
        return RecordCheck(state)
    kept = tuple(storable(value)[:MAX_VALUE] for value in values[:MAX_VALUES])
    return RecordCheck("found" if _fits(record, values) else "differs", kept)


def _parents(domain: str) -> list[str]:
    """Return the parents of `domain` that may have a policy for it, the nearest first, without the top-level domain."""
    labels = domain.split(".")
    above = [".".join(labels[start:]) for start in range(1, len(labels) - 1)]
    # For names with an unusual number of labels, the ones nearest the top: the organization's domain is one of them.
    return above[-(MOST_POLICIES - 1) :]


def _query(resolver: dns.resolver.Resolver, name: str, kind: str, until: float) -> tuple[State, list[str]]:
    left = until - time.monotonic()
    if left <= 0:
        return "unreachable", []
    try:
        answer = resolver.resolve(f"{name}.", kind, search=False, lifetime=min(LOOKUP_SECONDS, left))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return "missing", []
    except (dns.exception.DNSException, OSError):
        return "unreachable", []
    if kind == "CNAME":
        return "found", [row.target.to_text(omit_final_dot=True).lower() for row in answer]
    # Servers return several values in any order: a reloaded page must not look different.
    return "found", sorted(b"".join(row.strings).decode("utf-8", "replace") for row in answer)


def _fits(record: Record, values: list[str]) -> bool:
    match record.purpose:
        case "challenge":
            return record.value in [value.strip() for value in values]
        case "dkim":
            return any(_tags(value).get("p") == _tags(record.value)["p"] for value in values)
        case "spf":
            wanted = record.value.split()[1].lower()
            return any(
                value.lower().startswith("v=spf1") and wanted in value.lower().split() for value in values
            )
        case "dmarc":
            return any(value.strip().lower().startswith("v=dmarc1") for value in values)
        case "return_path":
            return record.value in values


def _tags(value: str) -> dict[str, str]:
    """Return the tags of a DKIM record, without optional white space (RFC 6376 §3.2)."""
    pairs = (part.partition("=") for part in value.split(";"))
    return {name.strip(): "".join(content.split()) for name, _, content in pairs}


def is_proved(records: Sequence[Record], found: Mapping[str, RecordCheck]) -> bool:
    """Return whether the challenge and at least one signing key were found."""
    states = [(record.purpose, found[record.key].state) for record in records]
    return ("challenge", "found") in states and ("dkim", "found") in states


def clean_domain(text: str) -> str:
    """Return a domain in lowercase ASCII. Raises core.values.email_addresses.InvalidEmail for an invalid one."""
    name = text.strip().rstrip(".").lower()
    domain = parse_email(f"postmaster@{name}").rpartition("@")[2]
    if "." not in domain or len(domain) > MAX_DOMAIN:
        raise InvalidEmail("This is not a domain that mail can be sent from.")
    return domain
