"""Concurrent changes of an object, one of which deletes it."""

from collections.abc import Callable
from typing import Any

import pytest

from audit.models import AuditEntry
from core import clock
from core.errors import NotFound
from core.tenancy import tenant_context
from messaging import services
from messaging.models import Message, SenderDomain, SmsSender, Status, Suppression, Template
from messaging.services import sender_domains, sms_senders, suppressions, templates
from tests.factories import SYSTEM, World


def a_suppression() -> Suppression:
    return suppressions.create_suppression(channel="email", address="ada@example.com", actor=SYSTEM)


def a_template() -> Template:
    return Template.objects.create(name="welcome", channel="email")


def a_sender() -> SmsSender:
    return SmsSender.objects.create(sender="Gone", sender_normalized="gone", reason="ours")


def a_domain() -> SenderDomain:
    return SenderDomain.objects.create(domain="gone.example", token="t")


def a_message() -> Message:
    now = clock.now()
    return Message.objects.create(
        channel="email", status=Status.QUEUED, send_at=now, due_at=now, recipient_count=1
    )


@pytest.mark.parametrize(
    ("make", "again", "action"),
    [
        (
            a_suppression,
            lambda row: suppressions.delete_suppression(suppression=row, actor=SYSTEM),
            "suppression.deleted",
        ),
        (a_template, lambda row: templates.delete_template(template=row, actor=SYSTEM), "template.deleted"),
        (a_template, lambda row: templates.update_template(template=row, actor=SYSTEM), "template.updated"),
        (a_sender, lambda row: sms_senders.delete_sms_sender(sender=row, actor=SYSTEM), "sms_sender.deleted"),
        (a_domain, lambda row: sender_domains.delete_domain(domain=row, actor=SYSTEM), "domain.deleted"),
        (a_domain, lambda row: sender_domains.request_check(domain=row), "domain.checked"),
        (
            a_domain,
            lambda row: sender_domains.rotate_key(domain=row, actor=SYSTEM, keys=()),
            "domain.key_rotated",
        ),
        (a_message, lambda row: services.cancel_message(message=row, actor=SYSTEM), "message.canceled"),
    ],
)
def test_object_deleted_concurrently_is_not_found_and_reported_once(
    world: World, make: Callable[[], Any], again: Callable[[Any], object], action: str
) -> None:
    with tenant_context(world.tenant()):
        row = make()
        type(row).objects.filter(id=row.id).delete()

        with pytest.raises(NotFound):
            again(row)

        assert not AuditEntry.objects.filter(action__endswith=action).exists()
