"""Every page of the dashboard × who opens it: nobody reaches another company's objects, nor beyond their role."""

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpResponse
from django.test import Client

from accounts.access import SESSION_COMPANY
from accounts.models import User
from accounts.roles import Role, at_least
from core.values import ids
from tests.clients import sign_in
from tests.contracts.pages import Page, list_pages, sample_page_id, unguarded_routes
from tests.factories import join, make_user
from tests.isolation.ledger import digest
from tests.isolation.matrix import Outcome, make_unlimited_world

METHODS = ("GET", "POST")
# Pages that show nothing for the sample of a live object, and why.
WITHOUT_A_SAMPLE = {
    "messages/mailbox/<str:name>/": "only in test mode",
    "audit/proof/<str:stream>": "only with a sealed day in the query",
    "audit/verify/<str:stream>": "only with a sealed day in the query",
}


def test_every_page_has_a_guard() -> None:
    assert unguarded_routes() == []


@dataclass
class Somebody:
    """A browser, and whose it is."""

    name: str
    client: Client
    role: str | None = None


class Pages:
    """One world, and everybody who might open one of its pages."""

    def __init__(self) -> None:
        self.outcome = Outcome()
        self.world = make_unlimited_world()
        self.tenant = self.world.tenant("live")
        company = self.world.company
        members: dict[str, User] = {Role.OWNER: self.world.owner, Role.DEVELOPER: self.world.teammate}
        for role in (Role.VIEWER, Role.ADMIN):
            members[role] = make_user(role)
            join(company, members[role], role)
        self.members = [Somebody(role, sign_in(user, company), role) for role, user in members.items()]
        outsider = sign_in(self.world.outsider, self.world.other_company)
        tampered = sign_in(self.world.outsider)
        session = tampered.session
        session[SESSION_COMPANY] = str(company.id)
        session.save()
        self.owner_in_test_mode = Somebody(
            "owner in test mode", sign_in(self.world.owner, company), Role.OWNER
        )
        self.owner_in_test_mode.client.post("/mode/", {"mode": "test"})
        self.strangers = [
            Somebody("anonymous", Client()),
            Somebody("other company's owner", outsider),
            Somebody("other company's owner with our company in the session", tampered),
            Somebody(
                "staff without a membership", sign_in(make_user("staff", is_staff=True, is_superuser=True))
            ),
        ]

    def run(self) -> Outcome:
        """Open every page as everybody."""
        # Whoever posts to "leave" has left: that page comes last.
        pages = sorted(list_pages(), key=lambda page: page.route == "team/leave/")
        self.outcome.operations = len(pages)
        for page in pages:
            target = sample_page_id(page, self.tenant) if page.parameters else ""
            before = self.untouchable()
            self.by_strangers(page, target)
            self.by_refused_members(page, target)
            self.expect(self.untouchable() == before, page, None, "somebody without the right changed rows")
            if page.parameters:
                self.in_the_other_mode(page, target)
            self.by_members(page)
        return self.outcome

    def by_strangers(self, page: Page, target: str) -> None:
        """Whoever does not belong sees nothing of ours."""
        marks = {mark for mark in (target, self.world.company.slug, str(self.world.company.id)) if mark}
        for somebody in self.strangers:
            for method in METHODS:
                answer = self.open(somebody, page, target, method)
                shown = answer.getvalue().decode(errors="replace").replace(page.path(target), "")
                for mark in marks:
                    self.expect(mark not in shown, page, somebody, f"{method} shows {mark}")
                if page.parameters and somebody.name.startswith("other company"):
                    missing = self.open(somebody, page, missing_like(target), method)
                    self.expect(
                        answer.status_code == missing.status_code,
                        page,
                        somebody,
                        f"{method} answers {answer.status_code}, for a missing object {missing.status_code}",
                    )

    def by_refused_members(self, page: Page, target: str) -> None:
        """A member below the page's role is refused."""
        for somebody in self.members:
            if at_least(str(somebody.role), page.least_role):
                continue
            for method in METHODS:
                answer = self.open(somebody, page, target, method)
                self.expect(
                    answer.status_code == 403, page, somebody, f"{method} answers {answer.status_code}"
                )

    def by_members(self, page: Page) -> None:
        """A member with the page's role gets no server error. Each has an object of their own, since they may change it."""
        for somebody in self.members:
            if not at_least(str(somebody.role), page.least_role):
                continue
            target = sample_page_id(page, self.tenant) if page.parameters else ""
            for method in METHODS:
                answer = self.open(somebody, page, target, method)
                self.expect(
                    answer.status_code < 500, page, somebody, f"{method} answers {answer.status_code}"
                )
                self.expect(answer.status_code != 403 or method == "POST", page, somebody, "is refused")
                self.expect(
                    answer.status_code != 404 or method == "POST" or page.route in WITHOUT_A_SAMPLE,
                    page,
                    somebody,
                    "has no such object, so that nobody can be kept from it: is its sample of another kind?",
                )

    def in_the_other_mode(self, page: Page, target: str) -> None:
        """An owner who looks at test data does not find a live object, unless it belongs to both modes."""
        owner = self.owner_in_test_mode
        for method in METHODS:
            answer = self.open(owner, page, target, method)
            missing = self.open(owner, page, missing_like(target), method)
            self.expect(
                answer.status_code == missing.status_code
                or page.route.startswith(("team/", "saved-filters/")),
                page,
                owner,
                f"{method} answers {answer.status_code}, for a missing object {missing.status_code}",
            )
            signed_out = answer.headers.get("Location", "").startswith("/accounts/login/")
            self.expect(not signed_out, page, owner, "is signed out")

    def untouchable(self) -> dict[str, object]:
        """Return the digest of all that the company owns, except what a mere look may add to."""
        return dict(digest(self.tenant, without=("audit_",), both_modes=True))

    def open(self, somebody: Somebody, page: Page, target: str, method: str) -> HttpResponse:
        """Send one request, and read its answer to the end, as a browser does."""
        self.outcome.cases += 1
        answer = somebody.client.generic(method, page.path(target))
        if not answer.streaming:
            return answer
        return HttpResponse(b"".join(answer), status=answer.status_code, headers=answer.headers)

    def expect(self, holds: bool, page: Page, somebody: Somebody | None, what: str) -> None:
        """Note a leak."""
        if not holds:
            self.outcome.leaks.append(f"/{page.route} as {somebody.name if somebody else 'anybody'}: {what}")


def missing_like(public_id: str) -> str:
    """Return an identifier of the same kind that names nothing."""
    return ids.encode(public_id.rpartition("_")[0], ids.new_id())


def test_dashboard_pages_leak_nothing_to_any_role(record_property: Callable[[str, object], None]) -> None:
    outcome = Pages().run()
    record_property("isolation", f"dashboard: {outcome}")
    assert outcome.cases > 0
    assert not outcome.leaks, "\n".join(outcome.leaks)
