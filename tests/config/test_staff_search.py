"""Search on the staff site: by any public identifier, in every list and by Ctrl+K, always audited."""

import re

import pytest
from django.contrib import admin
from django.test import Client

from audit.models import AuditEntry, StaffEntry
from core.tenancy import system_context, tenant_context
from tests.attacks.staff import look_up_once, make_staff, staff_browser
from tests.clients import sign_in
from tests.contracts.samples import OBJECTS
from tests.factories import World, make_customer, make_key


@pytest.fixture
def staff() -> Client:
    return staff_browser(superuser=True)


def palette(browser: Client, text: str) -> str:
    answer = browser.get("/staff/search/", {"s": text, "extended": "1"})
    assert answer.status_code == 200
    return answer.content.decode()


def test_every_staff_list_can_be_searched_by_every_identifier(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_staff(superuser=True)
    look_up_once(monkeypatch, user)
    staff = sign_in(user)
    key = make_key(world.company).key
    customer = make_customer(world.tenant())
    make_customer(world.other_tenant())
    texts = [world.company.public_id, key.public_id, customer.public_id, world.owner.public_id]
    texts += [
        OBJECTS[kind](world.tenant()) for kind in ("invoices", "charges", "messages", "webhook_endpoints")
    ]

    for model in admin.site._registry:
        page = f"/staff/{model._meta.app_label}/{model._meta.model_name}/"
        assert 'name="q"' in staff.get(page).content.decode(), page
        for text in texts:
            assert staff.get(page, {"q": text}).status_code == 200, (page, text)


@pytest.mark.usefixtures("template_contexts")
@pytest.mark.parametrize("kind", ["customers", "invoices", "charges", "messages", "webhook_endpoints"])
def test_identifier_restricts_its_list_to_one_row(world: World, staff: Client, kind: str) -> None:
    lists = {
        "customers": "billing/customer",
        "invoices": "billing/invoice",
        "charges": "billing/charge",
        "messages": "messaging/message",
        "webhook_endpoints": "webhooks/endpoint",
    }
    wanted, _, by_company = (
        OBJECTS[kind](world.tenant()),
        OBJECTS[kind](world.other_tenant()),
        world.company.public_id,
    )

    for text in (wanted, by_company):
        rows = staff.get(f"/staff/{lists[kind]}/", {"q": text}).context["cl"].result_list
        assert {row.company_id for row in rows} == {world.company.id}
        assert wanted in {row.public_id for row in rows}


def test_ctrl_k_finds_objects_of_any_company_and_is_audited(world: World, staff: Client) -> None:
    key = make_key(world.company, name="billing worker")
    customer = make_customer(world.tenant("test"))

    assert f"/staff/apikeys/apikey/{key.key.id}/change/" in palette(staff, key.key.public_id)
    assert f"/staff/apikeys/apikey/{key.key.id}/change/" in palette(staff, key.client_secret[:16])
    assert f"/staff/billing/customer/{customer.id}/change/" in palette(staff, customer.public_id)
    assert f"/staff/accounts/company/{world.company.id}/change/" in palette(staff, world.company.slug)
    assert f"/staff/accounts/user/{world.owner.id}/change/" in palette(staff, world.owner.email)
    assert "/staff/billing/tierrequest/" in palette(staff, "tier req")
    assert "No results" in palette(staff, "nobody-has-this@example.com")

    with tenant_context(world.tenant("test")):
        looks = AuditEntry.objects.filter(action="staff.listed", detail__objects=[customer.public_id])
        assert looks.count() == 1
    with system_context(reason="test"):
        sought = StaffEntry.objects.filter(target_id="search", detail__query=customer.public_id)
        assert sought.count() == 1


def test_ctrl_k_shows_no_more_than_the_permissions_allow(world: World) -> None:
    browser = staff_browser("accounts.view_company")

    assert "/change/" in palette(browser, world.company.public_id)
    assert "/change/" not in palette(browser, world.owner.email)
    assert "/change/" not in palette(browser, make_key(world.company).key.public_id)


@pytest.mark.parametrize(
    ("page", "action"),
    [
        ("accounts/company", "suspend"),
        ("billing/companyplan", "override_limits"),
        ("billing/companyplan", "change_tier"),
        ("messaging/companysenders", "assign_sms_sender"),
    ],
)
def test_reason_form_controls_are_visible(world: World, staff: Client, page: str, action: str) -> None:
    asked = staff.post(f"/staff/{page}/", {"action": action, "_selected_action": [str(world.company.id)]})

    controls = re.findall(r"<(?:input type=\"text\"|textarea|select)[^>]*>", asked.content.decode())
    named = [control for control in controls if re.search(r'name="(named|reason|tier|\w+_per_\w+)"', control)]
    assert len(named) >= 2
    assert [control for control in named if not re.search(r'class="[^"]*\bborder\b', control)] == []
