"""The team: members and their roles, inviting, leaving. The pages for invited people are in joining.py."""

import structlog
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import CompanyRequest, company_page
from accounts.dashboard.forms import InviteForm, RoleForm, TransferForm
from accounts.emails import send_invitation
from accounts.links import link_to_copy
from accounts.models import Invitation, Membership
from accounts.roles import Role, at_least
from accounts.selectors import list_members, list_open_invitations, members_without_second_factor
from accounts.services import (
    change_role,
    invite_member,
    remove_member,
    resend_invitation,
    revoke_invitation,
    transfer_ownership,
)
from accounts.services.allowances import InvitationLimitReached
from accounts.services.members import (
    AlreadyMember,
    CompanyMayNotInvite,
    LastOwner,
    RoleTooHigh,
    check_remove,
)
from accounts.sudo import recent_login_required
from core.errors import NotFound, is_allowed
from core.ui.lists import sort_rows

MEMBER_COLUMNS = {"person": "user.display_name", "since": "created"}
INVITATION_COLUMNS = {"address": "email", "expires": "expires"}
logger = structlog.get_logger(__name__)


@company_page()
@require_safe
def team_page(request: CompanyRequest) -> HttpResponse:
    """Who belongs to the company, and who is invited."""
    return _render_team(request, InviteForm(own_role=request.membership.role))


@recent_login_required
@company_page(role=Role.ADMIN)
@require_POST
def invite(request: CompanyRequest) -> HttpResponse:
    """Invite somebody by email."""
    form = InviteForm(request.POST, own_role=request.membership.role)
    if not form.is_valid():
        return _render_team(request, form, status=422)
    try:
        invitation, token = invite_member(
            email=form.cleaned_data["email"],
            role=form.cleaned_data["role"],
            inviter=request.membership,
            actor=request.principal,
        )
    except (AlreadyMember, InvitationLimitReached, CompanyMayNotInvite, RoleTooHigh) as error:
        form.add_error("role" if isinstance(error, RoleTooHigh) else "email", error.page_detail)
        return _render_team(request, form, status=422)
    send_link(request, invitation, token)
    messages.success(request, f"Invitation sent to {invitation.email}.")
    return redirect("accounts:team")


@recent_login_required
@company_page(role=Role.ADMIN)
@require_POST
def resend(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Resend an invitation. Errors are shown on the team page."""
    invitation, token = resend_invitation(
        invitation=open_invitation(public_id), inviter=request.membership, actor=request.principal
    )
    send_link(request, invitation, token)
    messages.success(request, f"New invitation sent to {invitation.email}. The earlier link no longer works.")
    return redirect("accounts:team")


@recent_login_required
@company_page(role=Role.ADMIN)
@require_POST
def revoke(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Revoke an invitation."""
    invitation = open_invitation(public_id)
    revoke_invitation(invitation=invitation, actor=request.principal)
    messages.success(request, f"The invitation to {invitation.email} was revoked.")
    return redirect("accounts:team")


@recent_login_required
@company_page(role=Role.ADMIN)
@require_POST
def set_role(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Change a member's role."""
    member = Membership.by_public_id(public_id)
    form = RoleForm(request.POST, own_role=request.membership.role)
    if not form.is_valid():
        messages.error(request, "You cannot assign that role.")
        return redirect("accounts:team")
    member = change_role(
        member=member,
        role=form.cleaned_data["role"],
        changer=request.membership,
        actor=request.principal,
    )
    messages.success(request, f"{member.user.display_name} is now {Role(member.role).label.lower()}.")
    return redirect("accounts:team")


@recent_login_required
@company_page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Confirm, then remove a member."""
    member = Membership.by_public_id(public_id)
    if request.method == "POST":
        remove_member(member=member, remover=request.membership, actor=request.principal)
        messages.success(request, f"{member.user.display_name} was removed from the company.")
        return redirect("accounts:team")
    return render(request, "accounts/remove_member.html", {"member": member})


@recent_login_required
@company_page()
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: CompanyRequest) -> HttpResponse:
    """Confirm, then leave the company."""
    if request.method == "POST":
        try:
            remove_member(member=request.membership, remover=request.membership, actor=request.principal)
        except LastOwner as error:
            return render(
                request, "accounts/leave.html", {"refusal": f"{error.title}. {error.page_advice}"}, status=409
            )
        messages.success(request, f"You have left {request.membership.company.name}.")
        return redirect("/")
    check_remove(request.membership)
    return render(request, "accounts/leave.html")


@recent_login_required
@company_page(role=Role.OWNER)
@require_http_methods(["GET", "HEAD", "POST"])
def transfer(request: CompanyRequest) -> HttpResponse:
    """Ask for the new owner and a reason, then transfer ownership."""
    others = [one for one in list_members() if one.id != request.membership.id and one.user.is_active]
    form = TransferForm(request.POST or None, members=others)
    if request.method == "POST" and form.is_valid():
        to = transfer_ownership(
            to=Membership.by_public_id(form.cleaned_data["member"]),
            owner=request.membership,
            reason=form.cleaned_data["reason"],
            actor=request.principal,
        )
        company = request.membership.company.name
        messages.success(request, f"{to.user.display_name} now owns {company}. You are now an admin.")
        return redirect("accounts:team")
    context = {"form": form, "others": others}
    return render(request, "accounts/transfer.html", context, status=422 if form.errors else 200)


def open_invitation(public_id: str) -> Invitation:
    """Return the invitation; raises NotFound when it has been accepted or revoked, or has expired."""
    invitation = Invitation.by_public_id(public_id)
    if invitation not in list_open_invitations():
        raise NotFound
    return invitation


def send_link(request: CompanyRequest, invitation: Invitation, token: str) -> None:
    """Mail the link of an invitation."""
    send_invitation(
        invitation=invitation,
        company_name=request.membership.company.name,
        inviter_name=request.user.display_name,
        token=token,
    )


def _render_team(request: CompanyRequest, form: InviteForm, status: int = 200) -> HttpResponse:
    members = sort_rows(list_members(), request, columns=MEMBER_COLUMNS)
    own_role = request.membership.role
    may_manage = at_least(own_role, Role.ADMIN)
    unprotected = {member.id for member in members_without_second_factor()}
    rows = [
        {
            "member": member,
            "is_me": member.user_id == request.user.id,
            "has_second_factor": member.id not in unprotected,
            "role_form": RoleForm(
                own_role=own_role,
                initial={"role": member.role},
                auto_id=f"{member.public_id}_%s",
            )
            if may_manage and at_least(own_role, member.role) and member.user_id != request.user.id
            else None,
        }
        for member in members
    ]
    context = {
        "rows": rows,
        "invitations": [
            {
                "invitation": each,
                "link": link_to_copy(each.public_id) if may_manage else "",
                "may_resend": may_manage and at_least(own_role, each.role),
            }
            for each in sort_rows(list_open_invitations(), request, columns=INVITATION_COLUMNS)
        ],
        "form": form,
        "may_manage": may_manage,
        "actions": [
            {"label": "Resend", "icon": "send", "url": reverse("accounts:resend_selected")},
            {
                "label": "Revoke",
                "icon": "x",
                "url": reverse("accounts:revoke_selected"),
                "tone": "danger-quiet",
            },
        ],
        "may_leave": is_allowed(check_remove, request.membership),
        "may_transfer": own_role == Role.OWNER and len(members) > 1,
        "without_second_factor": sum(not row["has_second_factor"] for row in rows),
    }
    return render(request, "accounts/team.html", context, status=status)
