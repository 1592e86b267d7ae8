"""A name is made to break what shows it: a header of everybody's mail, a line of a log, the words around it."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from accounts.models import Company, User
from apikeys.models import ApiKey
from apikeys.services.notices import notify_expiry
from audit.models import AuditEntry
from core import clock
from core.errors import FieldErrors
from core.tenancy import system_context, tenant_context
from tests.clients import sign_in
from tests.factories import World, make_key, make_user

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
def test_no_door_takes_a_name_with_a_control_character(world: World, name: str) -> None:
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
def test_operators_commands_refuse_it_too(world: World, name: str) -> None:
    with pytest.raises(CommandError):
        call_command("create_company", name=name, owner_email=make_user("owner").email)
    with pytest.raises(CommandError):
        call_command("issue_key", company=world.company.slug, name=name, mode="live", scopes="customers:read")


def test_a_service_refuses_it_whoever_calls(world: World) -> None:
    with pytest.raises(FieldErrors):
        make_key(world.company, name="a\nb")


def test_one_name_from_before_stops_nobody_elses_mail(world: World) -> None:
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


def test_a_secret_is_no_name(world: World) -> None:
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
def test_a_secret_in_a_user_agent_reaches_no_trail(world: World, template: str) -> None:
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


def test_a_name_from_before_that_is_a_secret_reaches_no_trail(world: World) -> None:
    secret = make_key(world.company).client_secret
    User.objects.filter(id=world.owner.id).update(name=secret)
    browser = sign_in(User.objects.get(id=world.owner.id), world.company)

    browser.post("/settings/", {"name": "Acme Two", "slug": world.company.slug})

    with tenant_context(world.tenant()):
        [entry] = AuditEntry.objects.filter(action="company.updated")
    assert secret not in entry.actor_name


def test_the_same_in_the_trail_of_a_key(world: World, api: Any) -> None:
    issued = make_key(world.company, scopes=["customers:write"])
    client = api(issued.client_secret)

    client.post("/v1/customers", {"name": "Ada"}, headers={"User-Agent": f"x/{issued.client_secret}"})

    with tenant_context(world.tenant()):
        agents = list(AuditEntry.objects.exclude(user_agent="").values_list("user_agent", flat=True))
    assert agents
    assert all(issued.client_secret not in agent for agent in agents)
