"""Malicious names: in email headers, log lines and surrounding text."""

import re
import uuid
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.core.management import CommandError, call_command

from accounts.models import Company, User
from apikeys.models import ApiKey
from apikeys.services.notices import notify_expiry
from audit.models import AuditEntry
from core import clock
from core.errors import FieldErrors
from core.tenancy import system_context, tenant_context
from messaging.channels.sms import clean_sender
from messaging.models import Message
from messaging.providers.base import Envelope, Target
from messaging.providers.mime import compose, compose_for_backend
from tests.clients import sign_in
from tests.factories import World, make_customer, make_key, make_user, prove_domain

BREAKING = [
    "Acme\nBcc: everybody@example.com",
    "Acme\rx",
    "Acme\tx",
    "Acme\x0bx",
    "Acme\x1bx",
    "Acme\x85x",
    "Acme\u2028x",
]


@pytest.mark.parametrize("name", BREAKING)
def test_no_entry_point_accepts_a_name_with_a_control_character(world: World, name: str) -> None:
    owner, person = sign_in(world.owner, world.company), make_user("founder")
    slug = world.company.slug
    key = make_key(world.company).key
    key_form = {
        "name": name,
        "kind": "server",
        "scopes": ["customers:read"],
        "expiry": "never",
        "rate_limit": "60",
    }

    answers = [
        sign_in(person).post("/companies/new/", {"name": name}),
        owner.post("/settings/", {"name": name, "slug": slug}),
        owner.post("/profile/", {"name": name}),
        owner.post("/keys/new/", key_form),
        owner.post(f"/keys/{key.public_id}/edit/", key_form),
    ]

    assert [answer.status_code for answer in answers] == [422] * 5
    world.owner.refresh_from_db()
    assert world.owner.name == "Owner"
    with tenant_context(world.tenant()):
        assert Company.objects.get().name == "Acme"
        assert [row.name for row in ApiKey.objects.all()] == ["integration"]


@pytest.mark.parametrize("name", BREAKING[:2])
def test_operator_commands_refuse_control_characters_too(world: World, name: str) -> None:
    with pytest.raises(CommandError):
        call_command("create_company", name=name, owner_email=make_user("owner").email)
    with pytest.raises(CommandError):
        call_command("issue_key", company=world.company.slug, name=name, mode="live", scopes="customers:read")


def test_services_refuse_control_characters_for_every_caller(world: World) -> None:
    with pytest.raises(FieldErrors):
        make_key(world.company, name="a\nb")


def test_invalid_stored_name_does_not_block_other_mail(world: World) -> None:
    soon = clock.now() + timedelta(days=2)
    poisoned = make_key(world.company, expires_at=soon).key
    other = make_key(world.other_company, expires_at=soon).key
    with tenant_context(world.tenant()):
        ApiKey.objects.filter(id=poisoned.id).update(name="old\nBcc: everybody@example.com")
    mail.outbox.clear()

    notify_expiry(now=clock.now())

    sent = {message.to[0]: message for message in mail.outbox}
    assert world.outsider.email in sent
    assert "\n" not in sent[world.owner.email].subject
    assert sent[world.owner.email].message()["Bcc"] is None
    with system_context(reason="test"):
        assert set(
            ApiKey.objects.filter(id__in=[poisoned.id, other.id]).values_list("expiry_notice_days", flat=True)
        ) == {7}


# --- secrets that end up in names and user agents ---------------------------------------------------------------------


def test_secret_is_not_accepted_as_a_name(world: World) -> None:
    secret = make_key(world.company).client_secret
    owner = sign_in(world.owner, world.company)

    for page, form in (
        ("/profile/", {"name": f"me {secret}"}),
        ("/settings/", {"name": secret, "slug": world.company.slug}),
    ):
        answer = owner.post(page, form)
        assert answer.status_code == 422
        assert "credential" in answer.content.decode()


@pytest.mark.parametrize("template", ["{}", "curl/8 ({})", "Bearer {}"])
def test_secret_in_a_user_agent_is_redacted_from_the_trail(world: World, template: str) -> None:
    secret = make_key(world.company).client_secret
    browser = sign_in(world.owner, world.company)

    browser.post(
        "/settings/",
        {"name": "Acme Two", "slug": world.company.slug},
        headers={"User-Agent": template.format(secret)},
    )

    with tenant_context(world.tenant()):
        [entry] = AuditEntry.objects.filter(action="company.updated")
    assert secret not in entry.user_agent
    assert "[redacted]" in entry.user_agent


def test_secret_in_an_old_name_is_redacted_from_the_trail(world: World) -> None:
    secret = make_key(world.company).client_secret
    User.objects.filter(id=world.owner.id).update(name=secret)
    browser = sign_in(User.objects.get(id=world.owner.id), world.company)

    browser.post("/settings/", {"name": "Acme Two", "slug": world.company.slug})

    with tenant_context(world.tenant()):
        [entry] = AuditEntry.objects.filter(action="company.updated")
    assert secret not in entry.actor_name


def test_secret_in_an_old_key_name_is_redacted_from_the_trail(world: World, api: Any) -> None:
    issued = make_key(world.company, scopes=["customers:write"])
    client = api(issued.client_secret)

    client.post("/v1/customers", {"name": "Ada"}, headers={"User-Agent": f"x/{issued.client_secret}"})

    with tenant_context(world.tenant()):
        agents = list(AuditEntry.objects.exclude(user_agent="").values_list("user_agent", flat=True))
    assert agents
    assert all(issued.client_secret not in agent for agent in agents)


# --- names that look like somebody else's address ---------------------------------------------------------------------

LOOKALIKES = [
    '"security@bank.example" <x@acme.example>',
    '"Bank <security@bank.example>" <x@acme.example>',
    '"https://bank.example/login" <x@acme.example>',
    '"bank.example" <x@acme.example>',
    "=?utf-8?q?security=40bank=2Eexample?= <x@acme.example>",
]


@pytest.mark.parametrize("lookalike", LOOKALIKES)
@pytest.mark.parametrize("field", ["from", "reply_to", "to", "cc"])
def test_email_never_carries_a_name_that_looks_like_an_address(
    world: World, api: Any, field: str, lookalike: str
) -> None:
    prove_domain(world.tenant())
    client = api(make_key(world.company, scopes=["messaging:send", "messaging:read"]).client_secret)
    body = {"channel": "email", "to": ["ada@example.com"], "subject": "Hello", "text": "Hi"}

    answer = client.post("/v1/messages", {**body, field: lookalike if field == "from" else [lookalike]})

    assert answer.status == 400, answer
    assert [each["code"] for each in answer.json["error"]["fields"]] == ["misleading_name"]
    with tenant_context(world.tenant()):
        assert not Message.objects.exists()


def test_stored_names_never_become_links_in_email(world: World, api: Any) -> None:
    prove_domain(world.tenant())
    with tenant_context(world.tenant()):
        Company.objects.update(name="security@bank.example")
    customer = make_customer(world.tenant(), name="www.bank.example", email="ada@example.com")
    client = api(make_key(world.company, scopes=["messaging:send", "customers:read"]).client_secret)

    answer = client.post(
        "/v1/messages",
        {"channel": "email", "customer": customer.public_id, "subject": "Hello", "text": "Hi"},
    )

    assert answer.status == 201, answer
    assert answer.json["from"] == "no-reply@acme.example"
    assert [each["to"] for each in answer.json["recipients"]] == ["ada@example.com"]
    old = Target(uuid.uuid4(), "ada@example.com", "security@bank.example")
    envelope = Envelope(
        message_id=uuid.uuid4(), tenant=world.tenant(), channel="email", sender=LOOKALIKES[0], targets=(old,),
        shown=(old,), subject="Hello", text="Hi", reply_to=(LOOKALIKES[0],),
    )  # fmt: skip
    for written in (message_from_bytes(compose(envelope)), compose_for_backend(envelope, connection=None).message()):  # fmt: skip
        assert {name: str(written[name]) for name in ("From", "To", "Reply-To")} == {
            "From": "x@acme.example",
            "To": "ada@example.com",
            "Reply-To": "x@acme.example",
        }


def test_display_name_may_repeat_its_own_address(world: World, api: Any) -> None:
    client = api(make_key(world.company, scopes=["messaging:send"], mode="test").client_secret)

    answer = client.post(
        "/v1/messages",
        {"channel": "email", "to": ['"Ada@example.com" <ada@example.com>'], "subject": "Hello", "text": "Hi"},
    )

    assert answer.status == 201, answer


def test_sms_sender_name_cannot_contain_an_address() -> None:
    for text in ("a@bank.eu", "bank.eu", "bank.eu/x", "+49bank", "１２３４bank", "bank\u202e"):
        assert clean_sender(text) is None, text


def test_names_are_never_links_in_platform_email() -> None:
    """Whatever people call themselves, their companies and their keys goes through `email_safe`."""
    plain = re.compile(r"\{\{ *[\w.]*(?:_name|\.name) *(?!\|email_safe)[^}]*\}\}")
    templates = [*(Path(settings.BASE_DIR) / "templates").glob("**/email/**/*.*")]

    found = {str(path): plain.findall(path.read_text()) for path in templates}

    assert len(templates) > 10
    assert {path: names for path, names in found.items() if names} == {}
