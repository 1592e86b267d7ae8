"""Bulk actions on invitations: resend and revoke."""

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from django.http import HttpResponse
from django.views.decorators.http import require_http_methods

from accounts.access import CompanyRequest, company_page, safe_next
from accounts.dashboard.team import open_invitation, send_link
from accounts.models import Invitation
from accounts.roles import Role, at_least
from accounts.services import prepare_resending, resend_invitation, revoke_invitation
from accounts.services.members import RoleTooHigh
from accounts.sudo import recent_login_required
from core.ui.bulk import Bulk, confirm_or_run

REVOKE = Bulk(
    field="invitation",
    list_name="Team",
    verb="Revoke",
    note="Their links stop working.",
    done="revoked",
    name_of=attrgetter("email"),
    # Who has joined in the meantime is a member, and is left out.
    check=lambda row: open_invitation(row.public_id),
)
RESEND = replace(
    REVOKE,
    verb="Resend",
    note="Each gets a new link by email. The earlier one no longer works.",
    done="sent again",
    tone="primary",
)


@recent_login_required
@company_page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def resend_selected(request: CompanyRequest) -> HttpResponse:
    """Ask once, then resend every selected invitation."""

    def check(row: Invitation) -> Invitation:
        found = open_invitation(row.public_id)
        if not at_least(request.membership.role, found.role):
            raise RoleTooHigh
        return found

    def find(public_ids: Sequence[str]) -> list[Invitation]:
        found = Invitation.by_public_ids(public_ids)
        if request.method == "POST":
            prepare_resending(invitations=found, inviter=request.membership, actor=request.principal)
        return found

    def act(row: Invitation) -> None:
        invitation, token = resend_invitation(
            invitation=check(row), inviter=request.membership, actor=request.principal
        )
        send_link(request, invitation, token)

    return confirm_or_run(
        request,
        replace(RESEND, check=check),
        find=find,
        act=act,
        back=safe_next(request, "/team/"),
    )


@recent_login_required
@company_page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def revoke_selected(request: CompanyRequest) -> HttpResponse:
    """Ask once, then revoke every selected invitation."""
    return confirm_or_run(
        request,
        REVOKE,
        find=Invitation.by_public_ids,
        act=lambda row: revoke_invitation(invitation=open_invitation(row.public_id), actor=request.principal),
        back=safe_next(request, "/team/"),
    )
