"""A limit that is counted before something is added holds however many add at the same moment: each in its turn (core.postgres.turns)."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Membership
from accounts.roles import Role
from accounts.services import allowances, invite_member, register_company
from apikeys import keys
from apikeys.models import LeakReport
from apikeys.services import reports
from billing.services import override_limits
from core import clock
from core.errors import DomainError
from core.tenancy import system_context, tenant_context
from messaging.models import SenderDomain
from messaging.services import (
    add_domain,
    claim_sms_sender,
    create_message,
    domain_checks,
    sms_senders,
    templates,
)
from tests.factories import SYSTEM, World, dkim_key, make_user, prove_sms
from tests.threads import all_at_once
from webhooks.services.endpoints import create_endpoint

BASE = Path(__file__).resolve().parents[2]
AT_ONCE = 8


@dataclass(frozen=True)
class Limit:
    """How to lower a limit to `room`, and one thing more that counts."""

    lower: Callable[[World, Any, pytest.MonkeyPatch, int], Any]
    add: Callable[[World, int], Any]


def _in_tenant(add: Callable[[int], Any]) -> Callable[[World, int], Any]:
    def run(world: World, number: int) -> Any:
        with tenant_context(world.tenant()):
            return add(number)

    return run


def _person(number: int) -> Any:
    return replace(SYSTEM, ip=f"198.51.100.{number}")


def _invite(world: World, number: int) -> Any:
    with tenant_context(world.tenant()):
        inviter = Membership.objects.select_related("user").get(user=world.owner)
        return invite_member(
            email=f"{secrets.token_hex(6)}@example.com",
            role=Role.VIEWER,
            inviter=inviter,
            actor=_person(number),
        )


def _report(world: World, number: int) -> None:
    reports.receive_report(pasted=keys.generate("live").text, place="a paste", reporter=_person(number))


def _lower_reports(world: World, settings: Any, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    with system_context(reason="tests"):
        monkeypatch.setattr(reports, "MAX_WAITING", LeakReport.objects.count() + room)


def _look(world: World, number: int) -> None:
    """Take domains that are due, as each worker does: one at a time, of the eight that there are."""
    if not domain_checks._claim():
        raise DomainError("There is no room.")


def _lower_looks(world: World, settings: Any, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    monkeypatch.setattr(domain_checks, "BATCH", 1)
    monkeypatch.setattr(domain_checks, "MOST_AT_ONCE", room)
    with system_context(reason="tests"):
        SenderDomain.objects.update(next_check_at=None)
    with tenant_context(world.tenant()):
        for number in range(AT_ONCE):
            SenderDomain.objects.create(
                domain=f"d{number}.example", token="0" * 40, next_check_at=clock.now() - timedelta(hours=1)
            )


def _lower_ranges(world: World, settings: Any, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    prove_sms(world.tenant())
    monkeypatch.setattr(sms_senders, "RANGE_LEAST", room)
    monkeypatch.setattr(sms_senders, "RANGE_SHARE", 1_000_000)


def _send_sms(number: int) -> Any:
    return create_message(actor=SYSTEM, channel="sms", to=[f"+493012345{number:02}"], text="Hi")


def _setting(name: str) -> Callable[..., None]:
    return lambda world, settings, monkeypatch, room: setattr(settings, name, room)


def _constant(module: Any, name: str) -> Callable[..., None]:
    return lambda world, settings, monkeypatch, room: monkeypatch.setattr(module, name, room)


LIMITS = {
    "companies of a person": Limit(
        # The world's owner has one.
        lambda world, settings, monkeypatch, room: setattr(settings, "COMPANIES_PER_PERSON", room + 1),
        lambda world, number: register_company(name="Acme", owner=world.owner, actor=_person(number)),
    ),
    "companies of an address": Limit(
        _setting("COMPANIES_PER_ADDRESS"),
        lambda world, number: register_company(
            name="Acme",
            owner=make_user(),
            actor=replace(SYSTEM, ip=f"2001:db8:{world.company.id.hex[-4:]}::1"),
        ),
    ),
    "invitations of a new company": Limit(_constant(allowances, "INVITATIONS_AT_FIRST"), _invite),
    "webhook endpoints": Limit(
        lambda world, settings, monkeypatch, room: override_limits(
            company=world.company, overrides={"webhook_endpoints": room}, reason="tests", actor=SYSTEM
        ),
        _in_tenant(lambda n: create_endpoint(actor=SYSTEM, url=f"https://example.com/{n}", events=["*"])),
    ),
    "sender domains": Limit(
        _setting("SENDER_DOMAINS_PER_COMPANY"),
        _in_tenant(lambda n: add_domain(actor=SYSTEM, domain=f"d{n}.example", keys=[dkim_key()])),
    ),
    "SMS senders": Limit(
        _setting("SMS_SENDERS_PER_COMPANY"),
        _in_tenant(lambda n: claim_sms_sender(actor=SYSTEM, sender=f"Acme {n}", reason="tests")),
    ),
    "templates": Limit(
        _constant(templates, "MAX_TEMPLATES"),
        _in_tenant(
            lambda n: templates.create_template(
                actor=SYSTEM, name=f"t{n}", channel="email", subject="Hi", text="Hi"
            )
        ),
    ),
    "SMS to one range": Limit(_lower_ranges, _in_tenant(_send_sms)),
    "reports that wait": Limit(_lower_reports, _report),
    "domains that are looked at": Limit(_lower_looks, _look),
}


@pytest.mark.parametrize("name", LIMITS)
def test_concurrent_creations_stay_within_the_limit(
    world: World, settings: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    limit = LIMITS[name]
    dkim_key()  # made now, so that nobody waits for it
    limit.lower(world, settings, monkeypatch, 2)

    results = all_at_once(AT_ONCE, lambda number: limit.add(world, number))

    refused = [result for result in results if isinstance(result, DomainError)]
    assert len(refused) == AT_ONCE - 2, results


def test_the_same_sms_sender_and_the_same_domain_at_once_are_refused_by_name(world: World) -> None:
    """Whoever comes second is told that it is there, not that something went wrong."""
    domains = all_at_once(AT_ONCE, lambda _: LIMITS["sender domains"].add(world, 1))
    senders = all_at_once(AT_ONCE, lambda _: LIMITS["SMS senders"].add(world, 1))

    for results, code in ((domains, "sender_domain_exists"), (senders, "sms_sender_exists")):
        codes = [result.code for result in results if isinstance(result, DomainError)]
        assert codes == [code] * (AT_ONCE - 1)


def test_counting_against_a_limit_is_serialized() -> None:
    """A module that compares a count of rows with a limit takes a turn before; one that does not belongs in no service."""
    counted = {
        str(path.relative_to(BASE)): path.read_text()
        for path in BASE.glob("*/services/*.py")
        if re.search(r"\.count\(\) *(>|>=|<|<=) ", path.read_text())
    }

    assert {Path(name).stem for name in counted} >= {
        "allowances",
        "endpoints",
        "sender_domains",
        "sms_senders",
    }
    in_turn = [name for name, text in counted.items() if "take_turn(" in text]
    # The one row of the tenant that the counted ones hang on is locked before: that is a turn as well.
    in_turn += [name for name in counted if Path(name).stem == "sellers"]
    assert sorted(counted.keys() - in_turn) == []
