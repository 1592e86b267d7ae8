"""Every form that acts once, found in the views: sent twice, it has one effect, and without its token none."""

import ast
from collections.abc import Callable

import pytest

from core.resources import pomelo_apps
from core.tenancy import Tenant
from tests.clients import form_token, sign_in
from tests.contracts.by_app import Form, collect
from tests.engines import ROOT
from tests.factories import World
from tests.isolation.ledger import digest

FORMS: dict[str, Callable[[Tenant], Form]] = collect("samples", "ONE_TIME_FORMS")


def views_that_act_once() -> set[str]:
    """Return the views that pass what they do to `act_once`."""
    found = set()
    for app in pomelo_apps():
        for path in (ROOT / app.name.replace(".", "/")).glob("dashboard/**/*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for view in ast.parse(path.read_text()).body:
                calls = (each.func for each in ast.walk(view) if isinstance(each, ast.Call))
                if isinstance(view, ast.FunctionDef) and "act_once" in {
                    getattr(one, "id", "") for one in calls
                }:
                    found.add(f"{module}.{view.name}")
    return found


def test_every_view_that_acts_once_has_a_form() -> None:
    """Missing ones go into `ONE_TIME_FORMS` of the app's samples (tests.contracts.by_app)."""
    assert len(FORMS) > 8
    assert views_that_act_once() == FORMS.keys()


@pytest.mark.parametrize("view", FORMS)
def test_form_sent_twice_acts_once_and_without_its_token_not_at_all(world: World, view: str) -> None:
    tenant = world.tenant()
    page, action, fields = FORMS[view](tenant)
    browser = sign_in(world.teammate, world.company)
    before = digest(tenant)

    for token in ({}, {"form_token": "guess"}, {"form_token": "0" * 300}):
        refused = browser.post(action, {**fields, **token})
        assert (refused.status_code, "Please submit it again." in refused.content.decode()) in [
            (422, True),
            (400, True),
        ]
    assert digest(tenant) == before

    sent = {**fields, **form_token(browser, page)}
    first = browser.post(action, sent)
    after = digest(tenant)
    second = browser.post(action, sent)

    assert (first.status_code, second.status_code) == (302, 302)
    assert after != before
    assert digest(tenant) == after
    assert second.headers["Location"] == first.headers["Location"]
    assert "This form was already submitted: " in browser.get(second.headers["Location"]).content.decode()
