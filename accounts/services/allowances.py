"""Limits on invitations and new companies per person, address and company, to prevent abuse through sign-ups.

Anyone who signs up can have us email strangers (invitations) and gets a company with its own limits. Both are counted by
person, client address, company and recipient. The counts are exact and taken from PostgreSQL rows one transaction at a time,
so that concurrent requests cannot exceed them.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db.models import Q

from accounts.models import Company, Invitation, Membership, User
from accounts.roles import Role
from core import clock
from core.errors import DomainError
from core.http.addresses import client_group
from core.postgres.turns import take_turn
from core.tenancy import system_context
from core.values.ids import first_id

DAY = timedelta(days=1)
# For a company in its first day, which has no track record yet.
INVITATIONS_AT_FIRST = 10


class InvitationLimitReached(DomainError):
    """Too many invitations were sent in a day: by the person, by the company, from the address, or to the recipient."""

    code = "invitation_limit_reached"
    status = 429
    title = "Too many invitations for today"
    fix = "Invite the others tomorrow."
    only_on_pages = True


class CompanyLimitReached(DomainError):
    """The person owns, or the address has created, as many companies as allowed."""

    code = "company_limit_reached"
    status = 429
    title = "Too many companies"
    fix = "Use an existing company, or ask the operator of this Pomelo."
    only_on_pages = True


class CompanyCreationClosed(DomainError):
    """Companies are created by those who run this Pomelo only (`COMPANY_CREATION=closed`)."""

    code = "company_creation_closed"
    status = 403
    title = "New companies cannot be created here"
    fix = "Ask an owner of your company to invite you, or the operator of this Pomelo to create a company for you."
    only_on_pages = True


def take_invitation_turns(
    *, emails: Iterable[str], inviter: User, company: Company, address: str | None
) -> None:
    """Serialize invitations to `emails` with all others that count towards the same limits, until the transaction ends.

    Whoever invites several in one transaction calls this first, with all of them, and before locking any invitation: turns that are
    taken one by one could deadlock with those of another company that invites the same people.
    """
    group = client_group(address) if address else ""
    take_turn(*(f"invitations {each}" for each in (*emails, inviter.id, company.id, group)))


def check_invitation_limits(*, email: str, inviter: User, company: Company, address: str | None) -> None:
    """Check the limits for one more invitation, serialized until the transaction ends. Raises InvitationLimitReached."""
    group = client_group(address) if address else ""
    young = company.created > clock.now() - DAY
    allowed = (
        min(INVITATIONS_AT_FIRST, settings.INVITATIONS_PER_DAY) if young else settings.INVITATIONS_PER_DAY
    )
    with system_context(reason="how many invitations a person, an address and a recipient had today"):
        take_invitation_turns(emails=[email], inviter=inviter, company=company, address=address)
        sent = Invitation.objects.filter(id__gte=first_id(clock.now() - DAY))
        counts = (
            (Q(email=email), settings.INVITATIONS_PER_RECIPIENT, "to this address"),
            (Q(company_id=company.id), allowed, "by this company"),
            (Q(invited_by=inviter), settings.INVITATIONS_PER_DAY, "by you"),
            (
                Q(invited_from=group) & ~Q(invited_from=""),
                settings.INVITATIONS_PER_ADDRESS,
                "from your network",
            ),
        )
        for whose, most, words in counts:
            if sent.filter(whose).count() >= most:
                raise InvitationLimitReached(
                    f"{most} invitations were sent {words} within a day, which is the maximum."
                )


def check_company_limits(*, owner: User, address: str | None) -> None:
    """Check the limits for one more company, serialized until the transaction ends. Raises CompanyLimitReached."""
    group = client_group(address) if address else ""
    with system_context(reason="how many companies a person has and an address made today"):
        take_turn(*(f"companies {each}" for each in (owner.id, group)))
        if Membership.objects.filter(user=owner, role=Role.OWNER).count() >= settings.COMPANIES_PER_PERSON:
            raise CompanyLimitReached(
                f"You own {settings.COMPANIES_PER_PERSON} companies, which is the maximum."
            )
        made = Company.objects.filter(id__gte=first_id(clock.now() - DAY), created_from=group).exclude(
            created_from=""
        )
        if made.count() >= settings.COMPANIES_PER_ADDRESS:
            raise CompanyLimitReached(
                "Too many companies were created from your network. Try again tomorrow."
            )
