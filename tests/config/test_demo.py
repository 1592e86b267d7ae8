"""The demo company of a first start: created once, outside of long transactions, and resumed after an interruption."""

import io
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command

from accounts.models import User
from accounts.selectors import memberships_of
from apikeys.models import ApiKey
from billing.models import Customer
from config import demo
from core.tenancy import Tenant, tenant_context
from tests.clients import ApiClient, random_address
from tests.engines import remove_rows
from tests.factories import make_world


@pytest.fixture(autouse=True)
def _an_empty_platform(settings: Any) -> None:
    remove_rows()
    settings.REFUSE_CALLS_IN_TRANSACTIONS = True  # hashing takes long; a first start logged a stack for each


def answers(made: dict[str, Any]) -> list[int]:
    return [
        ApiClient(made[mode]["client_secret"], ip=random_address()).request("GET", "/v1/customers").status
        for mode in demo.MODES
    ]


def test_first_start_creates_an_owner_and_two_working_keys() -> None:
    made = demo.seed_demo()

    assert answers(made) == [200, 200]
    assert authenticate(username=made["email"], password=made["password"]) is not None
    assert demo.seed_demo() == {}


def test_demo_keys_have_every_scope() -> None:
    made = demo.seed_demo()

    for mode in demo.MODES:
        client = ApiClient(made[mode]["client_secret"], ip=random_address())
        asked = {"url": "https://example.com/hook", "events": ["*"]}
        assert client.request("POST", "/v1/webhook_endpoints", asked).status == 201


def test_platform_with_data_is_not_seeded() -> None:
    make_world()

    assert demo.seed_demo() == {}
    assert not User.objects.filter(email=demo.EMAIL).exists()


def test_external_database_is_not_seeded() -> None:
    out = io.StringIO()

    call_command("prepare_run", "--no-demo", stdout=out)

    assert out.getvalue().strip() == "{}"
    assert not User.objects.exists()


def test_interrupted_first_start_is_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_short(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(demo, "_issue_key", cut_short)
        with pytest.raises(KeyboardInterrupt):
            demo.seed_demo()

    made = demo.seed_demo()

    assert answers(made) == [200, 200]
    owner = User.objects.get(email=demo.EMAIL)
    [membership] = memberships_of(owner)
    assert owner.check_password(made["password"])
    for mode in demo.MODES:
        with tenant_context(Tenant(membership.company_id, mode)):
            assert (ApiKey.objects.count(), Customer.objects.count()) == (1, len(demo.CUSTOMERS))
