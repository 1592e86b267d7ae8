"""No page breaks, whatever its forms and its address are filled with: neither the dashboard's, nor the staff's, nor a stranger's."""

import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.admin.sites import all_sites
from django.http import HttpResponseBase
from django.test import Client

from accounts.models import User
from core.tenancy import tenant_context
from messaging.links import unsubscribe_link
from messaging.services import create_message
from tests.attacks.staff import log_no_refused_filter, look_up_once
from tests.clients import random_address, sign_in
from tests.contracts.forms import Form, read_forms
from tests.contracts.pages import list_pages, sample_page_id
from tests.contracts.test_error_summaries import SUMMARY
from tests.factories import SYSTEM, ensure_domain, make_user, make_world
from tests.isolation.matrix import make_unlimited_world

# What no browser sends: bytes that are no UTF-8, NUL, a number beyond every type, digits that are not ASCII, a date beyond
# the calendar, far too much, nothing.
HOSTILE = [
    b"\xff\xfe",
    b"a\x00b",
    b"9" * 400,
    b"-1",
    "٣²".encode(),
    b"0001-01-01T00:00",
    b"x" * 100_000,
    b"",
]
# Two characters more of each in NFC, and in lower case: as many as may be typed are too many to be kept.
GROWS = "\u0958\u0130"
IN_ADDRESS = [quote(value[:300]) for value in HOSTILE if value]
# Whoever has left the company, or chosen another mode or company, finds nothing of what the others are tried on.
LAST = ("/team/leave/", "/team/transfer/", "/companies/", "/mode/")
# How Django marks the control of a field that is refused.
INVALID = re.compile(r'<(?:input|select|textarea)\b(?=[^>]*\baria-invalid="true")[^>]*\bname="([^"]+)"')
# What a form is refused for before its fields are looked at.
SINGLY = {"form_token", "next"}
# Fewer fields are sooner filled one by one.
FEW = 3
ENTRANCE = ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/found-key/"]
FILTERS = ("q", "p", "mode__exact", "created__gte")


class Attacker:
    """A browser that counts what it has sent, and remembers what broke."""

    def __init__(self, user: User | None = None, **session: object) -> None:
        self.client = Client() if user is None else sign_in(user, **session)  # type: ignore[arg-type]
        self.client.defaults["REMOTE_ADDR"] = random_address()  # allauth counts attempts by address
        self.client.raise_request_exception = False
        self.sent = 0
        self.broken: list[str] = []

    def get(self, address: str) -> None:
        """Open an address."""
        self._note(self.client.get(address), f"GET {address[:300]}")

    def fill(self, form: Form) -> None:
        """Send a form with each hostile value: in each field for itself, or in many at once where that shows as much.

        A field that is refused goes no further than its own validation, which the other fields do not change: all are filled
        at once. Those that the page does not refuse then are filled again, beside good ones, so that they get further, until
        the form is taken. A filter that is not refused finds rows only beside others that let it: it goes for itself. So does
        what the page does not tell apart, and one value of every field: a form may miss the others less than this one.
        """
        alone: dict[str, dict[bytes, None]] = {name: {HOSTILE[0]: None} for name in _fields(form)}
        for values in _everywhere(form):
            for name in self._together(form, values):
                alone[name][values[name]] = None
        untouched = False
        for name, tried in alone.items():
            for value in tried:
                # Filters that stay as they are, whichever they are, ask for the same list.
                if form.method == "GET" and form.values[name] == [value.decode(errors="replace")]:
                    if untouched:
                        continue
                    untouched = True
                self._send(form, {name: value}, f"{name}={value[:20]!r}")

    def _together(self, form: Form, values: dict[str, bytes]) -> set[str]:
        """Send a form with these values at once; return the fields of which this does not show what each for itself would."""
        left = values.keys() - SINGLY - form.buttons
        if len(left) < FEW:
            return {*values}
        if form.method == "GET":
            refused = self._send(form, {name: values[name] for name in left}, f"{left} hostile")
            if any(b"\x00" in value for value in values.values()):
                return set()  # no address with a NUL gets to a page (core.middleware)
            return values.keys() - (refused or set())
        while left:
            refused = self._send(form, {name: values[name] for name in left}, f"{left} hostile")
            if refused is None:
                break
            left = left - refused if refused else set()
        return left | (values.keys() & (SINGLY | form.buttons))

    def _send(self, form: Form, values: dict[str, bytes], what: str) -> set[str] | None:
        """Send a form with these values, the other fields as they were.

        Return the fields of these that the page refuses: none if the form is taken or would be refused for the others anyway,
        of filters those that are left out.
        Return None if the page does not say which.
        """
        untouched = form.values.keys() - values.keys() - form.buttons
        others = [(name, one) for name in form.values if name in untouched for one in form.values[name]]
        if "form_token" in form.values and "form_token" not in values:
            # Every time anew: what was sent before with other values goes no further.
            others = [
                *((name, one) for name, one in others if name != "form_token"),
                ("form_token", uuid4().hex),
            ]
        content = urlencode([*others, *values.items()])
        if form.method == "GET":
            answer = self.client.get(f"{form.action.partition('?')[0]}?{content}")
        else:
            answer = self.client.post(form.action, content, "application/x-www-form-urlencoded")
        self._note(answer, f"{form.method} {form.action} with {what}")
        if form.method == "GET" and answer.status_code == 200 and not answer.streaming:
            return values.keys() & {*INVALID.findall(answer.content.decode())}
        if answer.status_code in (200, 302):
            return set()
        if answer.status_code not in (400, 422) or not (summary := SUMMARY.search(answer.content.decode())):
            return None
        refused = set(re.findall(r'href="#id_([^"]+)"', summary[0]))
        return refused & values.keys() if refused else None

    def _note(self, answer: HttpResponseBase, what: str) -> None:
        self.sent += 1
        if answer.streaming:
            b"".join(answer)  # read to its end, where it may break as well
        answer.close()
        if answer.status_code >= 500:
            self.broken.append(f"{answer.status_code}: {what}")


def _fields(form: Form) -> list[str]:
    """Return the fields to fill."""
    alike = {re.sub(r"\d+", "0", name): name for name in form.values}  # one line of an invoice stands for all
    return [name for name in alike.values() if name != "csrfmiddlewaretoken"]


def _everywhere(form: Form) -> Iterator[dict[str, bytes]]:
    """Yield what each field is filled with, one hostile value after the other."""
    fields = _fields(form)
    for value in HOSTILE:
        yield dict.fromkeys(fields, value)
    if form.longest:
        bounded = [(name, form.longest[name]) for name in fields if name in form.longest]
        yield {name: (GROWS * longest)[:longest].encode() for name, longest in bounded}


def test_no_dashboard_form_causes_a_server_error() -> None:
    world = make_unlimited_world()
    attacker = Attacker(world.owner, company=world.company)
    forms: dict[tuple[str, ...], Form] = {}
    for page in list_pages():
        path = page.path(sample_page_id(page, world.tenant("live")) if page.parameters else "")
        answer = attacker.client.get(path)
        if answer.status_code == 200 and "text/html" in answer.headers["Content-Type"]:
            for form in read_forms(answer.content.decode(), address=path):
                # The forms of the frame stand on every page.
                place = page.route if form.action == path else form.action
                if form.action.startswith("/") and not form.action.startswith("/accounts/"):
                    forms.setdefault((form.method, place, *form.values), form)

    for form in sorted(forms.values(), key=lambda form: form.action.startswith(LAST)):
        attacker.fill(form)

    assert attacker.broken == []
    assert len(forms) > 40
    assert attacker.sent > 1_000


def link_of_bulk_mail() -> str:
    """Return the path of the link by which somebody leaves a newsletter."""
    tenant = make_world().tenant()
    ensure_domain(tenant)
    with tenant_context(tenant):
        accepted = create_message(
            actor=SYSTEM,
            channel="email",
            to=["ada@example.com"],
            subject="News",
            text="Hi",
            bulk={"topic": "news"},
        )
    return urlsplit(unsubscribe_link(accepted.recipients[0].id)).path


@pytest.mark.parametrize("path", [*ENTRANCE, "/u/"])
def test_no_sign_in_form_causes_a_server_error(path: str) -> None:
    attacker = Attacker()
    path = link_of_bulk_mail() if path == "/u/" else path
    forms = read_forms(attacker.client.get(path).content.decode(), address=path)

    for form in forms:
        attacker.fill(form)

    assert attacker.broken == []
    assert attacker.sent > 0


def test_no_dashboard_url_causes_a_server_error() -> None:
    world = make_unlimited_world()
    attacker = Attacker(world.owner, company=world.company)

    for page in list_pages():
        for text in IN_ADDRESS:
            if page.parameters:
                attacker.get(page.path(text))
            attacker.get(f"{page.path('x')}?{text}={text}&page={text}&starting_after={text}&period={text}")

    assert attacker.broken == []


# Django's own filters take a date without a time zone; what they warn of is what is being tried.
@pytest.mark.filterwarnings("ignore:DateTimeField .* received a naive datetime")
def test_no_staff_url_causes_a_server_error(monkeypatch: pytest.MonkeyPatch) -> None:
    log_no_refused_filter(monkeypatch)
    staff = make_user("staff", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=staff, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    look_up_once(monkeypatch, staff)
    attacker = Attacker(staff)

    paged: set[type] = set()
    for model, model_admin in {
        model: found for site in all_sites for model, found in site._registry.items()
    }.items():
        # Pages are cut by the paginator, whatever they are of.
        names = [name for name in FILTERS if name != "p" or model_admin.paginator not in paged]
        paged.add(model_admin.paginator)
        base = f"/staff/{model._meta.app_label}/{model._meta.model_name}/"
        assert attacker.client.get(base).status_code == 200
        for text in IN_ADDRESS:
            attacker.get(f"{base}{text}/change/")
            for name in (*names, text):
                attacker.get(f"{base}?{name}={text}")

    assert attacker.broken == []
