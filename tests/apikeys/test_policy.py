"""The company's key policies are enforced wherever a key is created, changed or rotated, and shown where they matter."""

from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command

from accounts.models import Company
from apikeys.models import ApiKey
from audit.models import AuditEntry
from core import clock
from core.api.scopes import SCOPES
from core.tenancy import tenant_context
from tests.clients import sign_in
from tests.factories import World, make_key

pytestmark = pytest.mark.usefixtures("template_contexts")

FORM = {
    "name": "till", "description": "", "kind": "server", "scopes": "customers:read", "expiry": "30", "expires_on": "",
    "rotation_days": "90", "rate_limit": "60", "allowed_networks": "203.0.113.7", "allowed_origins": "",
}  # fmt: skip
# the policy, what of a form is against it, and the words that say so
POLICIES = [
    (
        {"key_longest_days": 30},
        {"expiry": "custom", "expires_on": "2029-01-01"},
        "must expire within 30 days",
    ),
    ({"keys_need_networks": True}, {"allowed_networks": ""}, "must list the addresses"),
    ({"keys_refuse_full_access": True}, {"scopes": list(SCOPES)}, "a key cannot have every scope"),
    ({"keys_need_second_factor": True}, {}, "only members with a second factor"),
]


def set_policy(world: World, **policy: object) -> None:
    with tenant_context(world.tenant()):
        Company.objects.filter(id=world.company.id).update(**policy)


def keys(world: World) -> int:
    with tenant_context(world.tenant()):
        return int(ApiKey.objects.count())


@pytest.mark.parametrize(("policy", "against", "words"), POLICIES)
def test_policies_are_shown_and_enforced_when_a_key_is_created(
    world: World, policy: Any, against: Any, words: Any
) -> None:
    browser = sign_in(world.owner)
    set_policy(world, **policy)

    assert words in browser.get("/keys/new/").content.decode()
    refused = browser.post("/keys/new/", {**FORM, **against})
    assert refused.status_code == 422
    assert words in refused.content.decode()
    assert keys(world) == 0
    if "keys_need_second_factor" in policy:
        Authenticator.objects.create(
            user=world.owner, type=Authenticator.Type.TOTP, data={"secret": "unused"}
        )
    assert "pm_live_" in browser.post("/keys/new/", FORM).content.decode()
    assert keys(world) == 1


@pytest.mark.parametrize(("policy", "against", "words"), POLICIES)
def test_existing_key_that_violates_the_policy_is_listed_and_cannot_be_rotated(
    world: World, policy: Any, against: Any, words: Any
) -> None:
    key = make_key(world.company, scopes=list(SCOPES)).key
    good = make_key(
        world.company,
        allowed_networks=["203.0.113.7"],
        expires_at=clock.now() + timedelta(days=9),
        name="good",
    ).key
    browser = sign_in(world.owner)
    assert browser.get("/keys/").context["against_policy"] == 0
    set_policy(world, **policy)

    is_of_keys = "keys_need_second_factor" not in policy
    shown = browser.get("/keys/?state=against_policy")
    assert [row["key"].name for row in shown.context["rows"]] == ([key.name] if is_of_keys else [])
    assert ("1 key violates" in browser.get("/keys/").content.decode()) is is_of_keys
    assert (words in browser.get(f"/keys/{key.public_id}/").content.decode()) is is_of_keys
    edited = browser.post(f"/keys/{key.public_id}/edit/", {**FORM, **against})
    assert edited.status_code == 422
    assert words in edited.content.decode()
    chosen = {"overlap": "none", "key": [key.public_id, good.public_id]}
    for path in (f"/keys/{key.public_id}/rotate/", "/keys/selected/rotate/"):
        answer = browser.post(path, chosen, follow=True)
        assert words in answer.content.decode(), path
    with tenant_context(world.tenant()):
        assert ApiKey.objects.get(id=key.id).version == key.version
        assert ApiKey.objects.get(id=good.id).version == good.version
    # Revoking is never in the way of a policy.
    assert browser.post(f"/keys/{key.public_id}/revoke/", {"since": "created"}).status_code == 302


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("0.0.0.0/0", "0.0.0.0/0 has every IPv4 address"),
        ("203.0.113.7 ::/0", "::/0 has every IPv6 address"),
        ("0.0.0.0/1 203.0.113.7 128.0.0.0/1", "0.0.0.0/0 has every IPv4 address"),
        ("::ffff:0:0/96", "0.0.0.0/0 has every IPv4 address"),
        ("2000::/4 3000::/4 fd00::/8", "2000::/3 has every IPv6 address"),
        ("::/2", "::/2 has every IPv6 address"),
    ],
)
def test_range_of_all_addresses_is_not_an_allow_list(world: World, typed: str, named: str) -> None:
    loose = make_key(world.company, allowed_networks=typed.split(), name="loose").key
    browser = sign_in(world.owner)
    assert "Usable from any address" in browser.get(f"/keys/{loose.public_id}/").content.decode()
    set_policy(world, keys_need_networks=True)

    refused = browser.post("/keys/new/", {**FORM, "allowed_networks": typed})

    assert refused.status_code == 422
    assert f"{named} and restricts nothing." in refused.content.decode()
    shown = browser.get("/keys/?state=against_policy")
    assert [row["key"].name for row in shown.context["rows"]] == ["loose"]


ALL_BUT_ONE = [str(each) for each in ip_network("0.0.0.0/0").address_exclude(ip_network("203.0.113.7"))]
TOO_WIDE = [
    (ALL_BUT_ONE, "3,702,", "public IPv4 addresses; at most 16,777,216 (as many as a /8)"),
    (["12.0.0.0/8", "13.0.0.0/32"], "16,777,217", "public IPv4 addresses; at most 16,777,216 (as many as a /8)"),
    (["2000::/4"], "1,152,921,504,606,846,976", "public IPv6 networks of /64; at most 17,592,186,044,416"),
    (["2600::/20", "2a00::/64"], "17,592,186,044,417", "public IPv6 networks of /64; at most 17,592,186,044,416"),
]  # fmt: skip


@pytest.mark.parametrize(("networks", "counted", "words"), TOO_WIDE)
def test_ranges_that_cover_nearly_every_address_are_refused_everywhere(
    world: World, networks: list[str], counted: str, words: str
) -> None:
    loose = make_key(world.company, allowed_networks=networks, name="loose").key
    narrow = make_key(world.company, allowed_networks=["203.0.113.7"], name="narrow").key
    browser = sign_in(world.owner)
    set_policy(world, keys_need_networks=True)

    page = browser.post("/keys/new/", {**FORM, "allowed_networks": "\n".join(networks)})
    edited = browser.post(
        f"/keys/{narrow.public_id}/edit/", {**FORM, "allowed_networks": "\n".join(networks)}
    )
    with pytest.raises(CommandError) as refused:
        call_command(
            "issue_key", company=world.company.public_id, name="ci", mode="live", scopes="customers:read",
            allowed_ips=",".join(networks),
        )  # fmt: skip

    assert (page.status_code, edited.status_code) == (422, 422)
    for text in (page.content.decode(), edited.content.decode(), str(refused.value)):
        assert counted in text
        assert words in text
    assert keys(world) == 2
    with tenant_context(world.tenant()):
        assert ApiKey.objects.get(id=narrow.id).allowed_networks == ["203.0.113.7/32"]
    shown = browser.get("/keys/?state=against_policy")
    assert [row["key"].id for row in shown.context["rows"]] == [loose.id]
    answer = browser.post(f"/keys/{loose.public_id}/rotate/", {"overlap": "none"}, follow=True)
    assert words in answer.content.decode()


@pytest.mark.parametrize(
    "networks",
    [
        ["12.0.0.0/8", "12.1.0.0/16"],  # the second is part of the first
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "198.51.100.0/24"],
        ["2600::/20"],
    ],
)
def test_large_and_private_networks_may_be_listed(world: World, networks: list[str]) -> None:
    browser = sign_in(world.owner)
    set_policy(world, keys_need_networks=True)

    made = browser.post("/keys/new/", {**FORM, "allowed_networks": "\n".join(networks)})

    assert "pm_live_" in made.content.decode()
    assert browser.get("/keys/?state=against_policy").context["rows"] == []


def test_narrowed_allowlist_complies_again_and_is_one_change(world: World) -> None:
    key = make_key(world.company, allowed_networks=ALL_BUT_ONE).key
    browser = sign_in(world.owner)
    set_policy(world, keys_need_networks=True)

    assert browser.post(f"/keys/{key.public_id}/edit/", {**FORM, "name": key.name}).status_code == 302

    assert browser.get("/keys/?state=against_policy").context["rows"] == []
    with tenant_context(world.tenant()):
        changes = AuditEntry.objects.filter(action="api_key.updated").latest("id").changes
    assert changes["allowed_ips"] == [ALL_BUT_ONE, ["203.0.113.7/32"]]
    assert "has_wide_networks" not in changes


def test_leaked_secret_can_be_rotated_despite_policy_violations(world: World) -> None:
    key = make_key(world.company).key
    set_policy(world, keys_need_networks=True)
    with tenant_context(world.tenant()):
        ApiKey.objects.filter(id=key.id).update(leaked_at=clock.now())

    answer = sign_in(world.owner).post(f"/keys/{key.public_id}/rotate/", {"overlap": "none"})

    assert answer.status_code == 200
    with tenant_context(world.tenant()):
        assert ApiKey.objects.get(id=key.id).version == key.version + 1


def test_maximum_lifetime_limits_the_offered_expiries(world: World) -> None:
    set_policy(world, key_longest_days=45)
    form = sign_in(world.owner).get("/keys/new/").context["form"]

    assert [value for value, _ in form.fields["expiry"].choices] == ["30", "custom"]
    assert form["expiry"].value() == "30"


def test_command_applies_policies_and_names_its_exemption(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    set_policy(world, key_longest_days=30, keys_need_second_factor=True)
    options = {"company": world.company.public_id, "name": "ci", "mode": "live", "scopes": "customers:read"}

    with pytest.raises(CommandError, match="must expire within 30 days"):
        call_command("issue_key", **options)
    assert keys(world) == 0
    call_command("issue_key", **options, expires_in_days=30)
    assert keys(world) == 1
    assert "Operator commands are exempt" in capsys.readouterr().err
