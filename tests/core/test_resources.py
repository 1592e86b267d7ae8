"""Declarations of apps are read from their AppConfigs, and invalid ones refused at start-up (docs/extending.md)."""

from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import AppRegistryNotReady

from audit.dashboard.forms import action_groups
from config.pages.context import menu
from core import events, resource_checks, resources
from core.api.scopes import ALIASES, SCOPES
from core.resource_checks import check_resources
from core.resources import ID_PREFIXES, REFERENCES, MenuEntry, PomeloApp, Registered, Resource, Scope
from tests.core import __name__ as package


class Shop(PomeloApp):
    """An app that adds whatever a test says."""

    name = package
    path = "/nowhere"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`installed(resources=…, …)` returns the complaints about Pomelo with one more app that declares this."""

    def complaints(**declared: Any) -> Any:
        shop = Shop(package, None)
        for name, value in declared.items():
            setattr(shop, name, value)
        every = [*resources.pomelo_apps(), shop]
        monkeypatch.setattr(resource_checks, "pomelo_apps", lambda: every)
        return [(found.id, found.msg) for found in check_resources(None)]

    return complaints


def test_declared_resources_pass_the_checks(installed: Any) -> None:
    assert installed() == []


@pytest.mark.parametrize(
    ("declared", "named"),
    [
        ({"resources": (Resource(name="customers", object="client", prefix="cli"),)}, "resource customers"),
        ({"resources": (Resource(name="clients", object="customer", prefix="cli"),)}, "object customer"),
        ({"resources": (Resource(name="clients", object="client", prefix="cus"),)}, "identifier prefix cus"),
        (
            {"resources": (Resource(name="a", object="b", prefix="c", reference="key"),)},
            "reference key",
        ),
        ({"scopes": (Scope("invoices:read", "Shop", "Read"),)}, "scope invoices:read"),
        ({"scopes": (Scope("shop:read", "Shop", "Read", aliases=("send_email",)),)}, "scope send_email"),
        ({"menu": (MenuEntry("business", "Shop", "/invoices/"),)}, "menu entry /invoices/"),
    ],
)
def test_duplicate_resource_names_are_refused(installed: Any, declared: dict[str, Any], named: str) -> None:
    found = installed(**declared)

    assert ("pomelo.E030", f"The {named} is declared by") in [
        (id, text[: len(f"The {named} is declared by")]) for id, text in found
    ]
    assert any(package in text for _, text in found)


def test_menu_entries_must_resolve(installed: Any) -> None:
    [(code, text)] = installed(menu=(MenuEntry("business", "Shop", "/shop/"),))

    assert code == "pomelo.E032"
    assert "/shop/, which is not a page" in text


def test_routes_must_belong_to_a_declared_resource(installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        resource_checks, "RESOURCES", {"customers": Resource(name="customers", object="customer")}
    )

    found = {text for code, text in installed() if code == "pomelo.E031"}

    assert "/v1/customers belongs to customers, which no app describes." in found
    assert any(text.startswith("/v1/invoices belongs to invoices") for text in found)


def test_public_events_must_name_a_declared_object_and_a_description(
    installed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type("Sold", (events.Event,), {"__module__": "billing.events", "__doc__": None, "public": True})
    monkeypatch.setitem(events.EVENT_TYPES, "gadget.sold", kind)

    assert sorted(code for code, _ in installed()) == ["pomelo.E033", "pomelo.E034"]


def test_ids_with_an_unknown_prefix_query_no_app(installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type("Sold", (events.Event,), {"__module__": "elsewhere.events", "__doc__": None, "public": True})
    monkeypatch.setitem(events.EVENT_TYPES, "gadget.sold", kind)

    assert installed() == []


def test_registry_is_loaded_lazily() -> None:
    asked = []
    found = Registered(lambda: asked.append(1) or {"a": 1})

    assert asked == []
    assert (found["a"], list(found), len(found), asked) == (1, ["a"], 1, [1])


def test_registry_cannot_be_read_before_apps_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps, "apps_ready", False)

    with pytest.raises(AppRegistryNotReady):
        len(Registered(lambda: dict.fromkeys(app.name for app in resources.pomelo_apps())))


def test_appconfig_is_found_by_django_though_it_imports_its_base() -> None:
    assert PomeloApp.default is False
    assert all(type(app).default is True for app in resources.pomelo_apps())


def test_registries_match_the_app_configs() -> None:
    assert SCOPES["customers:write"].writes
    assert ALIASES == {"send_email": "email:send", "read_analytics": "analytics:read"}
    assert (ID_PREFIXES["customers"], REFERENCES["endpoint"]) == ("cus", "we")
    assert {"key": "key", "customer": "cus"}.items() <= REFERENCES.items()


def test_menu_sections_are_complete_and_ordered() -> None:
    shown = {section.title: [entry.label for entry in section.entries] for section in menu()}

    assert list(shown) == ["Developers", "Business", "Company"]
    assert shown["Developers"] == ["API keys", "Requests", "Webhooks"]
    assert shown["Business"][:4] == ["Customers", "Invoices", "Charges", "Messages"]
    assert shown["Company"] == ["Audit", "Team", "Plan", "Invoicing", "Settings"]


def test_the_audit_page_offers_every_group_of_actions() -> None:
    offered = dict(action_groups())

    assert {
        "": "Any",
        "api_key.*": "API keys",
        "user.*": "Sign-ins",
        "refund.*": "Refunds",
    }.items() <= offered.items()
    assert {f"{kind.partition('.')[0]}.*" for kind in events.EVENT_TYPES} - offered.keys() <= {"tier.*"}
