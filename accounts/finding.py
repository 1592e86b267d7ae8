"""Search for companies and people by id, short name or email."""

from collections.abc import Collection, Iterator

from django.db.models import Q
from django.urls import reverse

from accounts.models import Company, Invitation, Membership
from core.ui.finding import Found, Named, identifier_in
from core.values.email_addresses import InvalidEmail, parse_email


def find(text: str) -> Iterator[Found]:
    """Yield the company with this id or short name, and the members and open invitations with this address."""
    known = identifier_in(text)
    if known and known[0] == Company.id_prefix:
        yield from _companies(Q(id=known[1]))
    elif known and known[0] == "usr":
        yield from _members(Q(user_id=known[1]))
    elif known is None:
        yield from _companies(Q(slug=text.lower()))
        try:
            address = parse_email(text).lower()
        except InvalidEmail:
            return
        yield from _members(Q(user__email=address))
        for row in Invitation.objects.filter(email=address, accepted_at=None, revoked_at=None):
            yield Found(row, "Invitation", row.email, reverse("accounts:team"))


def name(identifiers: Collection[str]) -> Iterator[tuple[str, Named]]:
    """Yield the company and its members by name."""
    known = [one for one in map(identifier_in, identifiers) if one is not None]
    if any(prefix == Company.id_prefix for prefix, _ in known):
        for company in Company.objects.filter(id__in=Membership.objects.values("company_id")):
            yield company.public_id, Named(company.name, reverse("accounts:settings"))
    people = [row_id for prefix, row_id in known if prefix == "usr"]
    if people:
        for row in Membership.objects.filter(user_id__in=people).select_related("user"):
            yield row.user.public_id, Named(row.user.display_name, reverse("accounts:team"))


def _companies(wanted: Q) -> Iterator[Found]:
    # Restricted to the tenant by its membership rows: the manager of Company itself does not filter by tenant.
    for row in Company.objects.filter(wanted, id__in=Membership.objects.values("company_id")):
        yield Found(row, "Company", row.name, reverse("accounts:settings"))


def _members(wanted: Q) -> Iterator[Found]:
    for row in Membership.objects.filter(wanted).select_related("user"):
        yield Found(row, "Member", row.user.display_name, reverse("accounts:team"))
