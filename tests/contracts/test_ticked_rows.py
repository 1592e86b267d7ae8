"""What is done to the rows that were ticked in a list: asked once, each by itself, and what was refused is named."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail

from accounts.models import Invitation, Membership
from accounts.roles import Role
from accounts.services import invite_member
from billing import services
from billing.models import Customer, Invoice
from core import clock
from core.tenancy import Tenant, tenant_context
from messaging.models import Message, Suppression
from tests.billing.factories import make_invoice
from tests.clients import sign_in
from tests.contracts.offers import content_of
from tests.factories import SYSTEM, World, join, make_customer, make_user
from tests.messaging.samples import make_message, make_suppression
from tests.webhooks.samples import make_delivery
from webhooks.models import Delivery


def void_invoice(tenant: Tenant) -> str:
    invoice = make_invoice(tenant, finalize=True)
    with tenant_context(tenant):
        return services.void_invoice(invoice=invoice, actor=SYSTEM).public_id


def sent_message(tenant: Tenant) -> str:
    public_id = make_message(tenant)
    with tenant_context(tenant):
        Message.objects.filter(id=Message.by_public_id(public_id).id).update(status="sent", due_at=None)
    return public_id


def delivery_in_progress(tenant: Tenant) -> str:
    public_id = make_delivery(tenant)
    with tenant_context(tenant):
        Delivery.objects.filter(id=Delivery.by_public_id(public_id).id).update(
            status="sending", due_at=clock.now() + timedelta(minutes=5), finished_at=None
        )
    return public_id


def make_invitation(tenant: Tenant, role: Role = Role.VIEWER) -> str:
    with tenant_context(tenant):
        inviter = Membership.objects.filter(role=Role.OWNER).select_related("user").first()
        assert inviter is not None
        address = f"{uuid.uuid4().hex}@example.com"
        invitation, _ = invite_member(email=address, role=role, inviter=inviter, actor=SYSTEM)
        return invitation.public_id


# By page: the list, the name of its boxes, what can be done, what cannot, what is said of it, and the status then.
ACTIONS = {
    "/invoices/selected/finalize/": (
        "/invoices/",
        "invoice",
        lambda tenant: make_invoice(tenant).public_id,
        void_invoice,
        ("2 invoices are finalized.", "The invoice is void."),
        lambda public_id: Invoice.by_public_id(public_id).status == "open",
    ),
    "/invoices/selected/void/": (
        "/invoices/",
        "invoice",
        lambda tenant: make_invoice(tenant, finalize=True).public_id,
        lambda tenant: make_invoice(tenant).public_id,
        ("2 invoices are void.", "The invoice is draft."),
        lambda public_id: Invoice.by_public_id(public_id).status == "void",
    ),
    "/messages/selected/cancel/": (
        "/messages/",
        "message",
        make_message,
        sent_message,
        ("2 messages are canceled.", "The message is sent."),
        lambda public_id: Message.by_public_id(public_id).status == "canceled",
    ),
    "/messages/suppressions/selected/remove/": (
        "/messages/suppressions/",
        "suppression",
        make_suppression,
        None,
        ("2 suppressions are removed.", ""),
        lambda public_id: public_id not in {row.public_id for row in Suppression.objects.all()},
    ),
    "/customers/selected/delete/": (
        "/customers/",
        "customer",
        lambda tenant: make_customer(tenant).public_id,
        None,
        ("2 customers are deleted.", ""),
        lambda public_id: Customer.by_public_id(public_id).deleted_at is not None,
    ),
    "/team/selected-invitations/resend/": (
        "/team/",
        "invitation",
        make_invitation,
        None,
        ("2 invitations are sent again.", ""),
        lambda public_id: Invitation.by_public_id(public_id).revoked_at is not None,
    ),
    "/team/selected-invitations/revoke/": (
        "/team/",
        "invitation",
        make_invitation,
        None,
        ("2 invitations are revoked.", ""),
        lambda public_id: Invitation.by_public_id(public_id).revoked_at is not None,
    ),
    "/webhooks/deliveries/resend/": (
        "/webhooks/deliveries/",
        "delivery",
        make_delivery,
        delivery_in_progress,
        ("2 deliveries are being sent again.", "is being sent right now."),
        lambda public_id: Delivery.by_public_id(public_id).status == "pending",
    ),
}


@pytest.mark.parametrize("page", ACTIONS)
def test_bulk_actions_confirm_once_and_list_refusals(page: str, world: World) -> None:
    address, field, make, make_refused, (said, why), is_done = ACTIONS[page]
    tenant = world.tenant()
    fitting = [make(tenant), make(tenant)]
    others: list[str] = [make_refused(tenant)] if make_refused else []
    browser = sign_in(world.owner, world.company)

    shown = content_of(browser.get(address))
    assert all(f'name="{field}" value="{each}"' in shown for each in (*fitting, *others))
    assert f'formaction="{page}"' in shown
    assert "data-select-all" in shown

    asked = content_of(
        browser.get(
            page, {field: [*fitting, *others]}, HTTP_REFERER=f"http://testserver{address}?sort=created"
        )
    )
    assert all(f'name="{field}" value="{each}"' in asked for each in fitting)
    assert not any(f'name="{field}" value="{each}"' in asked for each in others)
    assert why in asked
    assert f'name="next" value="{address}?sort=created"' in asked

    sent = {field: [*fitting, *others], "next": f"{address}?sort=created"}
    answer = browser.post(page, sent, follow=True)
    assert answer.redirect_chain == [(f"{address}?sort=created", 302)]
    told = content_of(answer)
    assert said in told
    assert (f"1 {field} left out." in told and why in told) == bool(others)
    with tenant_context(tenant):
        assert all(is_done(each) for each in fitting)
        assert not any(is_done(each) for each in others)


@pytest.mark.parametrize("page", ACTIONS)
def test_empty_oversized_and_foreign_selections_are_refused(page: str, world: World) -> None:
    address, field, make, _, _, is_done = ACTIONS[page]
    own, foreign = make(world.tenant()), make(world.other_tenant())
    browser = sign_in(world.owner, world.company)

    assert "first." in content_of(browser.get(page, HTTP_REFERER=address, follow=True))
    many = content_of(
        browser.get(page, {field: [f"x_{n}" for n in range(101)]}, HTTP_REFERER=address, follow=True)
    )
    assert "Select at most 100" in many
    assert browser.post(page, {field: [own, foreign]}).status_code == 404
    with tenant_context(world.tenant()):
        assert not is_done(own)


@pytest.mark.parametrize("page", ACTIONS)
def test_viewer_sees_no_checkboxes(page: str, world: World) -> None:
    address, field, make, *_ = ACTIONS[page]
    viewer = make_user("viewer")
    join(world.company, viewer, Role.VIEWER)
    made = make(world.tenant())
    browser = sign_in(viewer, world.company)

    assert "data-select-all" not in content_of(browser.get(address))
    assert browser.post(page, {field: made}).status_code == 403


def test_when_everything_is_refused_nothing_was_changed(world: World) -> None:
    browser = sign_in(world.owner, world.company)
    refused: list[Callable[[Tenant], str]] = [void_invoice] * 7

    chosen = {"invoice": [make(world.tenant()) for make in refused]}
    asked = content_of(browser.get("/invoices/selected/finalize/", chosen))
    told = content_of(browser.post("/invoices/selected/finalize/", chosen, follow=True))

    assert 'type="submit"' not in asked
    assert "Nothing was changed. 7 invoices left out." in told
    assert "And 2 more." in told


def test_customer_deleted_by_somebody_else_is_left_out(world: World) -> None:
    tenant = world.tenant()
    present, gone = make_customer(tenant, name="Ada"), make_customer(tenant, name="Grace")
    with tenant_context(tenant):
        services.delete_customer(customer=gone, actor=SYSTEM)
    browser = sign_in(world.owner, world.company)

    sent = {"customer": [present.public_id, gone.public_id]}
    told = content_of(browser.post("/customers/selected/delete/", sent, follow=True))

    assert "1 customer is deleted. 1 customer left out. Grace: It does not exist" in told


def test_invitations_are_sent_again_by_mail_and_only_those_of_roles_up_to_ones_own(world: World) -> None:
    tenant = world.tenant()
    for_viewer, for_owner = make_invitation(tenant), make_invitation(tenant, Role.OWNER)
    admin = make_user("admin")
    join(world.company, admin, Role.ADMIN)
    with tenant_context(tenant):
        address = Invitation.by_public_id(for_viewer).email
    mail.outbox.clear()
    browser = sign_in(admin, world.company)

    sent = {"invitation": [for_viewer, for_owner]}
    asked = content_of(browser.get("/team/selected-invitations/resend/", sent))
    told = content_of(browser.post("/team/selected-invitations/resend/", sent, follow=True))

    assert "This role is above yours" in asked
    assert "1 invitation is sent again. 1 invitation left out." in told
    assert [each.to for each in mail.outbox] == [[address]]
    with tenant_context(tenant):
        open_ones = Invitation.objects.filter(revoked_at=None, accepted_at=None)
        assert {each.email for each in open_ones} == {address, Invitation.by_public_id(for_owner).email}
        assert Invitation.by_public_id(for_viewer).revoked_at is not None
        assert Invitation.by_public_id(for_owner).revoked_at is None


def test_invitation_accepted_in_the_meantime_is_left_out(world: World) -> None:
    tenant = world.tenant()
    accepted, waiting = make_invitation(tenant), make_invitation(tenant)
    with tenant_context(tenant):
        Invitation.objects.filter(id=Invitation.by_public_id(accepted).id).update(accepted_at=clock.now())
    browser = sign_in(world.owner, world.company)

    sent = {"invitation": [accepted, waiting]}
    told = content_of(browser.post("/team/selected-invitations/revoke/", sent, follow=True))

    assert "1 invitation is revoked. 1 invitation left out." in told
    with tenant_context(tenant):
        assert Invitation.by_public_id(accepted).revoked_at is None
