"""Every wrong input of `wrong_inputs.py`: no 5xx, a refusal that names what is wrong, and nothing happened."""

import html
import json
import re
import shlex
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from core.api.scopes import SCOPES
from tests.billing.factories import make_credit_note, make_invoice, make_payment, make_settled_charge
from tests.clients import ApiClient, random_address, sign_in
from tests.contracts.problems import assert_problem
from tests.contracts.samples import OBJECTS
from tests.contracts.wrong_inputs import CASES, Case, Refused
from tests.factories import World, make_customer, make_key, prove_domain
from tests.isolation.ledger import changed, digest
from tests.isolation.matrix import make_unlimited_world
from tests.webhooks.steps import make_endpoint


@dataclass
class Scene:
    """A company with one object of each kind, its key and its owner's browser."""

    world: World
    client: ApiClient
    browser: Client
    objects: dict[str, str]

    def fill(self, value: Any) -> Any:
        """Return `value` with the ids of the scene's objects in the place of their names."""
        if isinstance(value, dict):
            return {name: self.fill(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.fill(inner) for inner in value]
        if isinstance(value, str):
            for name, public_id in self.objects.items():
                value = value.replace(f"{{{name}}}", public_id)
        return value

    def owned(self) -> dict[str, tuple[int, str]]:
        """Return a digest of all rows of the company, table by table; that and where its key was used is no effect."""
        return {
            f"{mode} {name}": mark
            for mode in ("live", "test")
            for name, mark in digest(self.world.tenant(mode), without=("apikeys_",)).items()
        }

    def call(self, case: Case, idempotency_key: str | None = None) -> tuple[int, Any, Any]:
        """Send a case to the API; returns the status, the headers and the bytes."""
        method, _, path = case.target.partition(" ")
        raw, body = (case.sent, None) if isinstance(case.sent, bytes) else (None, self.fill(case.sent))
        answer = self.client.request(method, self.fill(path), body, raw=raw, idempotency_key=idempotency_key)
        return answer.status, answer.headers, answer.content

    def submit(self, case: Case) -> tuple[int, str]:
        """Send a form with a token of its own; returns the status and the words of the answer."""
        answer = self.browser.post(
            self.fill(case.target), {**self.fill(case.sent), "form_token": uuid.uuid4().hex}
        )
        return answer.status_code, words_of(answer.content)

    def open(self, case: Case) -> tuple[int, str]:
        """Open a page; returns the status and the words of the answer."""
        answer = self.browser.get(self.fill(case.target))
        return answer.status_code, words_of(answer.content)


def words_of(page: bytes) -> str:
    """Return what a reader sees of a page."""
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", page.decode())).split())


@pytest.fixture(scope="module")
def scene() -> Scene:
    world = make_unlimited_world()
    live = world.tenant()
    prove_domain(live, "example.com")
    customer = make_customer(live, email="ada@example.com")
    issued = make_key(world.company, tuple(SCOPES), name="all", rate_limit=10_000)
    client = ApiClient(issued.client_secret, ip=random_address())
    assert client.get("/v1/whoami").status == 200  # a first use leaves an entry
    return Scene(
        world=world,
        client=client,
        browser=sign_in(world.owner, company=world.company),
        objects={
            "company": world.company.public_id,
            "customer": customer.public_id,
            "invoice": make_invoice(live, customer=customer).public_id,
            "open_invoice": make_invoice(live, customer=customer, finalize=True).public_id,
            "charge": make_settled_charge(live).public_id,
            "payment": make_payment(live).public_id,
            "credit_note": make_credit_note(live).public_id,
            "template": OBJECTS["templates"](live),
            "endpoint": make_endpoint(live, "https://example.com/hook")[0].public_id,
        },
    )


def check_refusal(expected: Refused, status: int, headers: Any, content: bytes) -> None:
    """The status and code, and the field with words of its message."""
    problem = assert_problem(status, headers, content, expected=(expected.status, expected.code))
    told = {each["field"]: each["message"] for each in problem["error"].get("fields", [])}
    if expected.at:
        assert expected.says in told.get(expected.at, ""), told


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.name}")
def test_wrong_input_is_explained_and_changes_nothing(scene: Scene, case: Case) -> None:
    before = scene.owned()

    if case.door == "command":
        with pytest.raises(CommandError, match=re.escape(case.expected.says)):
            call_command(*shlex.split(scene.fill(case.target)))
    elif case.door == "page":
        status, seen = scene.open(case)
        assert status in (200, 400), seen
        assert case.expected.says in seen
    elif case.door == "form":
        status, seen = scene.submit(case)
        if isinstance(case.expected, Refused):
            assert status in (200, 400, 422), seen
            assert case.expected.says in seen
        else:
            assert status == case.expected.status, seen
    else:
        status, headers, content = scene.call(case)
        assert status == case.expected.status, content
        if isinstance(case.expected, Refused):
            check_refusal(case.expected, status, headers, content)
            if not case.target.startswith("GET "):
                check_refusal(case.expected, *scene.call(case, idempotency_key=uuid.uuid4().hex))
        else:
            found = json.loads(content)
            assert {name: found[name] for name in case.expected.values} == case.expected.values

    if isinstance(case.expected, Refused):
        assert changed(before, scene.owned()) == []
