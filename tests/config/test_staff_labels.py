"""The staff site uses readable labels and values: no column names, no JSON."""

import html
import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import label_for_field
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import Company, User
from audit.ingest.store import store
from billing.services import override_limits
from core.tenancy import system_context, tenant_context
from core.ui.staff import StaffModelAdmin
from core.values.labels import label_of, value_text
from tests.attacks.staff import make_staff
from tests.audit.rows import make_row
from tests.billing.factories import make_invoice
from tests.clients import sign_in
from tests.contracts.samples import OBJECTS
from tests.factories import SYSTEM, World, make_customer, make_key

NAMES_OF_COLUMNS = re.compile(r"\b([Ii]p|[Uu]rl|[Ii]ds?|[Aa]pi|[Ss]ms|[Ss]lug|ms|us|[Bb]ps|[Ii]s)\b(?![)])")


def labels_of(model: Any, shown: StaffModelAdmin) -> list[str]:
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True)
    names = [*shown.get_list_display(request), *shown.get_fields(request)]
    return [str(label_for_field(name, model, shown)) for name in names]


def test_staff_headings_are_not_column_names() -> None:
    found = {
        model._meta.label: [label for label in labels_of(model, shown) if NAMES_OF_COLUMNS.search(label)]
        for model, shown in admin.site._registry.items()
        if isinstance(shown, StaffModelAdmin)
    }

    assert len(found) > 20
    assert {name: labels for name, labels in found.items() if labels} == {}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("last_used_ip", "Last used IP"), ("url", "URL"), ("external_id", "External ID"), ("tax_ids", "Tax IDs"),
        ("duration_us", "Duration (µs)"), ("sms_per_day", "SMS per day"), ("line1", "Line 1"), ("allowed_networks", "Allowed networks"),
    ],
)  # fmt: skip
def test_label_keeps_abbreviations(name: str, label: str) -> None:
    assert label_of(name) == label


def test_numbers_of_the_staff_site_have_separators_of_thousands() -> None:
    page = sign_in(make_staff(superuser=True)).get("/staff/billing/tierlimits/").content.decode()

    assert ">100,000<" in re.sub(r"\s", "", page)
    assert ">100000<" not in re.sub(r"\s", "", page)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, "–"), ([], "–"), (None, "–"), ("", "–"), (False, "No"), (0, "0"), (12_000, "12,000"),
        ({"requests_per_minute": 1_000, "sms_per_day": None}, "Requests per minute: 1,000\nSMS per day: –"),
        (["a:read", "b:write"], "a:read, b:write"),
        ({"rate_limit": [60, 120], "ip": {"old": True}}, "Rate limit: 60, 120\nIP: Old: Yes"),
        ([{"check": "ip", "passed": False}, {"check": "scope", "passed": True}], "Check: ip; Passed: No\nCheck: scope; Passed: Yes"),
    ],
)  # fmt: skip
def test_staff_values_are_human_readable(value: Any, text: str) -> None:
    assert value_text(value) == text


def text_of(browser: Client, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, path
    main = re.sub(r"<script.*?</script>|<style.*?</style>", "", answer.content.decode(), flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", main[main.index('id="content') :]))


def test_pages_of_objects_show_no_json(world: World) -> None:
    tenant = world.tenant()
    make_key(world.company, scopes=["customers:read", "customers:write"])
    make_customer(tenant, name="Ada", metadata={"plan": "gold"})
    make_invoice(tenant, finalize=True)
    store([make_row(world.company.id)])
    for kind in ("messages", "webhook_endpoints", "sender_domains", "templates"):
        OBJECTS[kind](tenant)
    with tenant_context(tenant):
        override_limits(company=world.company, overrides={"sms_per_day": 1_234}, reason="tests", actor=SYSTEM)
    browser = sign_in(make_staff(superuser=True))
    pages: dict[str, str] = {}

    for model in admin.site._registry:
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        pages[reverse(f"{base}_changelist")] = ""
        with system_context(reason="tests"):
            first = model._default_manager.order_by("-pk").first()
        if first is not None and model is not Company:
            pages[reverse(f"{base}_change", args=[first.pk])] = ""
    plan = f"/staff/billing/companyplan/{world.company.pk}/change/"
    for path in [*pages, plan]:
        pages[path] = text_of(browser, path)

    assert {
        path: text for path, text in pages.items() if re.search(r"\{'|\{\"|\{\}|\[\]|\[\"|\['", text)
    } == {}
    assert len(pages) > 40
    assert "SMS per day: 1,234" in pages[plan]
