"""A refusal stands for one constraint; any other database error propagates unchanged."""

import ast
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction

from accounts.models import Company, Invitation, Membership
from accounts.roles import Role
from accounts.services import accept_invitation, invite_member
from accounts.services.companies import SlugTaken, update_company
from apikeys.models import ApiKeySecret
from apikeys.services.issuing import store_secret
from billing.models import Customer, Invoice, Seller, TierRequest
from billing.services import create_customer, create_invoice, request_tier, update_seller
from core import clock
from core.errors import DomainError
from core.postgres.failures import refusing
from core.tenancy import tenant_context
from messaging.models import Template
from messaging.services.templates import create_template
from tests.factories import SYSTEM, World, make_customer, make_key, make_user, new_secret
from tests.webhooks.steps import make_endpoint
from webhooks.models import RecoveryJob
from webhooks.services.recoveries import start_recovery

BASE = Path(__file__).resolve().parents[2]
APPS = ("accounts", "apikeys", "audit", "billing", "config", "core", "messaging", "webhooks")

Make = Callable[[World], Any]


def _customer(world: World) -> Any:
    return create_customer(actor=SYSTEM, name="Ada", external_id=None)


def _invoice(world: World) -> Any:
    customer = Customer.objects.first() or create_customer(actor=SYSTEM, name="Ada")
    return create_invoice(actor=SYSTEM, customer=customer, currency="EUR")


def _tier(world: World) -> Any:
    TierRequest.objects.update(status="withdrawn", decided_at=clock.now())
    return request_tier(company=world.company, tier=Company.Tiers.PRO, actor=SYSTEM)


def _seller(world: World) -> Any:
    # The other mode has the row whose id is drawn again.
    return update_seller(actor=SYSTEM, legal_name="Acme AG")


def _invite(world: World) -> Any:
    inviter = Membership.objects.select_related("user").get(user=world.owner)
    return invite_member(email=make_user().email, role=Role.VIEWER, inviter=inviter, actor=SYSTEM)[0]


def _join(world: World) -> Any:
    person = make_user()
    inviter = Membership.objects.select_related("user").get(user=world.owner)
    invitation, _ = invite_member(email=person.email, role=Role.VIEWER, inviter=inviter, actor=SYSTEM)
    return accept_invitation(invitation=invitation, user=person, actor=SYSTEM)


def _recovery(world: World) -> Any:
    endpoint, _ = make_endpoint(world.tenant(), "https://example.com/hook")
    return start_recovery(
        endpoint=endpoint, actor=SYSTEM, kind="missing", since=clock.now() - timedelta(hours=1)
    )


def _template(world: World) -> Any:
    name = f"t{Template.objects.count()}"
    return create_template(actor=SYSTEM, name=name, channel="email", subject="Hi", text="Hi")


def _secret(world: World) -> Any:
    key = make_key(world.company).key
    secret = new_secret()
    secret.row.id = ApiKeySecret._meta.pk.get_default()
    store_secret(key, secret)
    return secret.row


MAKERS: dict[type[models.Model], Make] = {
    Customer: _customer,
    Invoice: _invoice,
    TierRequest: _tier,
    Invitation: _invite,
    Membership: _join,
    RecoveryJob: _recovery,
    ApiKeySecret: _secret,
    Template: _template,
}


@pytest.mark.parametrize("model", MAKERS, ids=lambda model: model.__name__)
def test_id_collision_is_not_mistaken_for_a_refusal(
    world: World, monkeypatch: pytest.MonkeyPatch, model: type[models.Model]
) -> None:
    with tenant_context(world.tenant()):
        first = MAKERS[model](world)
        monkeypatch.setattr(model._meta.pk, "_get_default", lambda: first.pk)

        with pytest.raises(IntegrityError, match="_pkey"), transaction.atomic():
            MAKERS[model](world)


def test_seller_id_collision_is_not_mistaken_for_a_refusal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tenant_context(world.other_tenant()):
        taken = Seller.objects.get().pk
    with tenant_context(world.tenant("test")):
        monkeypatch.setattr(Seller._meta.pk, "_get_default", lambda: taken)

        with pytest.raises(IntegrityError, match="_pkey"), transaction.atomic():
            update_seller(actor=SYSTEM, legal_name="Acme AG")


def test_expected_constraint_violation_is_a_refusal_and_the_transaction_continues(world: World) -> None:
    with tenant_context(world.tenant()):
        make_customer(world.tenant(), external_id="x")
        with pytest.raises(DomainError) as refusal:
            create_customer(actor=SYSTEM, name="Ada", external_id="x")
        with pytest.raises(SlugTaken):
            update_company(
                company=Company.objects.get(), name="Acme", slug=world.other_company.slug, actor=SYSTEM
            )

        assert refusal.value.code == "external_id_taken"
        assert Customer.objects.count() == 1


def test_refusal_can_query_the_database(world: World) -> None:
    with tenant_context(world.tenant()):
        customer = make_customer(world.tenant(), external_id="x")

        def refuse() -> Exception:
            return LookupError(Customer.objects.get(external_id="x").public_id)

        with (
            pytest.raises(LookupError, match=customer.public_id),
            refusing("billing_customer_external_id", refuse),
        ):
            Customer.objects.create(name="Ada", external_id="x")


def test_every_named_constraint_exists() -> None:
    """A constraint that is renamed would let its refusal become a 500."""
    named = set()
    for path in (path for app in APPS for path in (BASE / app).rglob("*.py")):
        tree = ast.parse(path.read_text())
        constants = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "refusing":
                name = node.args[0]
                named.add(constants[name.id] if isinstance(name, ast.Name) else ast.literal_eval(name))
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind IN ('i', 'I')")
        found = {name for (name,) in cursor.fetchall()}

    assert len(named) >= 8
    assert named <= found


def test_constraint_errors_are_matched_by_constraint_name() -> None:
    """`except IntegrityError` asks which one it was (`broken_constraint`, or the kind of failure), or is not written."""
    broad = []
    for path in (path for app in APPS for path in (BASE / app).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.ExceptHandler)
                and node.type
                and "IntegrityError" in ast.unparse(node.type)
            ):
                body = ast.unparse(node)
                if "broken_constraint" not in body and "UniqueViolation" not in body:
                    broad.append(f"{path.relative_to(BASE)}:{node.lineno}")

    assert broad == []
