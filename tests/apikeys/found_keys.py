"""Helpers for reporting a found secret and reading the result."""

import json
from datetime import timedelta
from typing import Any

from django.core import mail
from django.test import Client

from accounts.models import Company
from apikeys import keys
from apikeys.models import ApiKey, ApiKeySecret, LeakReport
from apikeys.services.reports import evaluate_reports
from audit.models import AuditEntry
from core import clock
from core.models import OutboxEvent
from core.security import crypto
from core.tenancy import system_context, tenant_context
from tests.clients import random_address
from tests.factories import World

PAGE, ENDPOINT = "/found-key/", "/found-key/report"
PLACE = "https://git.example/acme/app/blob/main/.env"


def visitor(ip: Any = None) -> Any:
    """A browser or program of somebody we do not know."""
    return Client(REMOTE_ADDR=ip or random_address(), HTTP_USER_AGENT="finder/1.0")


def send(secret: Any, place: Any = PLACE, *, client: Any = None) -> Any:
    """Report a secret as a program does."""
    body = json.dumps({"secret": secret, "found_at": place})
    return (client or visitor()).post(ENDPOINT, body, content_type="application/json")


def report(secret: Any, place: Any = PLACE, *, ip: Any = None, later: Any = timedelta(0)) -> None:
    """Report a secret and let the worker judge it."""
    answer = send(secret, place, client=visitor(ip))
    assert answer.status_code == 202, answer.content
    with system_context(reason="a test lets time pass"):
        LeakReport.objects.filter(request_id=answer.headers["X-Request-Id"]).update(
            received=clock.now() + later
        )
    evaluate_reports(now=clock.now() + later)


def key_of(world: World, issued: Any) -> Any:
    """The key as it is now."""
    with tenant_context(issued.key.tenant):
        return ApiKey.objects.get(id=issued.key.id)


def secret_of(issued: Any, text: Any = None) -> Any:
    """The row of the secret (`text`: another one of the same key)."""
    with tenant_context(issued.key.tenant):
        return ApiKeySecret.objects.get(locator=keys.parse(text or issued.client_secret).locator)


def types_of(issued: Any) -> Any:
    """The types of the events of the key, in order."""
    with tenant_context(issued.key.tenant):
        events = OutboxEvent.objects.filter(object_id=issued.client_id).order_by("id")
        return list(events.values_list("type", flat=True))


def entries_of(issued: Any, action: Any) -> Any:
    """The audit entries of the key with this action, in order."""
    with tenant_context(issued.key.tenant):
        return list(AuditEntry.objects.filter(action=action, target_id=issued.client_id).order_by("id"))


def waiting(secret: Any) -> Any:
    """The reports of this secret that nobody has judged yet."""
    with system_context(reason="a test looks at what waits"):
        return list(LeakReport.objects.filter(digest=crypto.mac("leak report", secret.encode())))


def count_waiting() -> Any:
    """How many reports nobody has judged yet."""
    with system_context(reason="a test counts what waits"):
        return LeakReport.objects.count()


def mails_to(user: Any) -> Any:
    """The mails that one person got, and nobody else with them."""
    return [message for message in mail.outbox if message.to == [user.email]]


def keep_reported_keys(company: Any) -> None:
    """Let a report stop no key of the company."""
    with tenant_context(company.live_tenant):
        Company.objects.filter(id=company.id).update(revoke_reported_keys=False)


def almost(secret: Any) -> Any:
    """A well-formed secret with the locator of a real one: what somebody could make from what pages show."""
    body = secret[:16] + "0" * 24
    return body + keys.checksum(body)
