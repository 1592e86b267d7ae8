"""Inviting, joining, changing roles and leaving: permissions, and unchanged state after a refusal."""

import pytest

from accounts.models import Invitation, Membership
from accounts.selectors import find_invitation, memberships_of
from accounts.services import accept_invitation, change_role, invite_member, remove_member
from accounts.services.members import AlreadyMember, InvitationMismatch, LastOwner, RoleTooHigh
from audit.models import AuditEntry
from core.tenancy import tenant_context
from tests.factories import SYSTEM, World, join, make_user


def member(world: World, who: str) -> Membership:
    with tenant_context(world.tenant()):
        return Membership.objects.select_related("user").get(user=getattr(world, who))


def actions(world: World) -> list[str]:
    with tenant_context(world.tenant()):
        return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def test_invited_person_joins_once_with_the_invited_role(world: World) -> None:
    guest = make_user("guest")
    with tenant_context(world.tenant()):
        invitation, token = invite_member(
            email=guest.email.upper(), role="viewer", inviter=member(world, "owner"), actor=SYSTEM
        )
    found = find_invitation(token)
    assert found is not None
    assert found.id == invitation.id
    accept_invitation(invitation=found, user=guest, actor=SYSTEM)
    assert [(m.company_id, m.role) for m in memberships_of(guest)] == [(world.company.id, "viewer")]
    assert find_invitation(token) is None
    with pytest.raises(AlreadyMember):
        accept_invitation(invitation=found, user=guest, actor=SYSTEM)
    assert actions(world)[-2:] == ["member.invited", "member.joined"]


def test_invitation_is_for_one_address_only(world: World) -> None:
    with tenant_context(world.tenant()):
        _, token = invite_member(
            email="someone@example.com", role="owner", inviter=member(world, "owner"), actor=SYSTEM
        )
    found = find_invitation(token)
    assert found is not None
    with pytest.raises(InvitationMismatch):
        accept_invitation(invitation=found, user=world.outsider, actor=SYSTEM)
    assert [m.company_id for m in memberships_of(world.outsider)] == [world.other_company.id]


def test_invitation_table_does_not_store_the_token(world: World) -> None:
    with tenant_context(world.tenant()):
        invitation, token = invite_member(
            email="someone@example.com", role="viewer", inviter=member(world, "owner"), actor=SYSTEM
        )
        assert token.encode() not in bytes(Invitation.objects.get(id=invitation.id).token_hash)


def test_nobody_gives_a_role_above_their_own(world: World) -> None:
    admin = make_user("admin")
    inviter = join(world.company, admin, "admin")
    with tenant_context(world.tenant()):
        with pytest.raises(RoleTooHigh):
            invite_member(email="new@example.com", role="owner", inviter=inviter, actor=SYSTEM)
        with pytest.raises(RoleTooHigh):
            change_role(member=inviter, role="owner", changer=inviter, actor=SYSTEM)
        with pytest.raises(RoleTooHigh):
            change_role(member=member(world, "owner"), role="viewer", changer=inviter, actor=SYSTEM)
        with pytest.raises(RoleTooHigh):
            remove_member(member=member(world, "owner"), remover=inviter, actor=SYSTEM)
        assert not Invitation.objects.filter(email="new@example.com").exists()
    assert member(world, "owner").role == "owner"


def test_the_last_owner_can_neither_leave_nor_step_down(world: World) -> None:
    owner = member(world, "owner")
    with tenant_context(world.tenant()):
        with pytest.raises(LastOwner):
            change_role(member=owner, role="admin", changer=owner, actor=SYSTEM)
        with pytest.raises(LastOwner):
            remove_member(member=owner, remover=owner, actor=SYSTEM)
    assert member(world, "owner").role == "owner"


def test_with_a_second_owner_the_first_may_leave(world: World) -> None:
    owner = member(world, "owner")
    with tenant_context(world.tenant()):
        change_role(member=member(world, "teammate"), role="owner", changer=owner, actor=SYSTEM)
        remove_member(member=owner, remover=owner, actor=SYSTEM)
    assert memberships_of(world.owner) == []
    assert actions(world)[-2:] == ["member.role_changed", "member.removed"]


def test_second_invitation_to_the_same_address_is_refused(world: World) -> None:
    with tenant_context(world.tenant()):
        inviter = member(world, "owner")
        invite_member(email="twice@example.com", role="viewer", inviter=inviter, actor=SYSTEM)
        with pytest.raises(AlreadyMember):
            invite_member(email="twice@example.com", role="viewer", inviter=inviter, actor=SYSTEM)
        with pytest.raises(AlreadyMember):
            invite_member(email=world.teammate.email, role="viewer", inviter=inviter, actor=SYSTEM)
        assert Invitation.objects.filter(email="twice@example.com").count() == 1


def test_owner_who_cannot_sign_in_does_not_count_as_a_second_owner(world: World) -> None:
    world.teammate.is_active = False
    world.teammate.save(update_fields=["is_active"])
    with tenant_context(world.tenant()):
        Membership.objects.filter(user=world.teammate).update(role="owner")
        owner = member(world, "owner")
        for leave in (
            lambda: remove_member(member=owner, remover=owner, actor=SYSTEM),
            lambda: change_role(member=owner, role="admin", changer=owner, actor=SYSTEM),
        ):
            with pytest.raises(LastOwner):
                leave()
    assert member(world, "owner").role == "owner"
