"""Anybody may report a secret they have found. What that does to its key, and what it tells nobody."""

import json
import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client

from accounts.models import Company
from accounts.roles import Role
from apikeys import keys
from apikeys.models import ApiKey, ApiKeySecret, LeakReport
from apikeys.services import UndoRefused, reports, restore_key, revoke_key, rotate_key
from apikeys.services.reports import judge_reports
from apikeys.stores import StoreUnavailable
from audit.models import AuditEntry, StaffEntry
from core import clock, crypto
from core.models import OutboxEvent
from core.tenancy import system_context, tenant_context
from core.valkey import ValkeyUnavailable
from tests.clients import random_address
from tests.factories import SYSTEM, join, make_user

PAGE, ENDPOINT = "/found-key/", "/found-key/report"
PLACE = "https://git.example/acme/app/blob/main/.env"


def visitor(ip=None):
    return Client(REMOTE_ADDR=ip or random_address(), HTTP_USER_AGENT="finder/1.0")


def send(secret, place=PLACE, *, client=None):
    """Report a secret as a program does."""
    body = json.dumps({"secret": secret, "found_at": place})
    return (client or visitor()).post(ENDPOINT, body, content_type="application/json")


def report(secret, place=PLACE, *, ip=None, later=timedelta(0)):
    """Report a secret and let the worker judge it."""
    answer = send(secret, place, client=visitor(ip))
    assert answer.status_code == 202, answer.content
    with system_context(reason="a test lets time pass"):
        LeakReport.objects.filter(request_id=answer.headers["X-Request-Id"]).update(
            received=clock.now() + later
        )
    judge_reports(now=clock.now() + later)


def key_of(world, issued):
    with tenant_context(issued.key.tenant):
        return ApiKey.objects.get(id=issued.key.id)


def secret_of(issued, text=None):
    with tenant_context(issued.key.tenant):
        return ApiKeySecret.objects.get(locator=keys.parse(text or issued.client_secret).locator)


def types_of(issued):
    with tenant_context(issued.key.tenant):
        events = OutboxEvent.objects.filter(object_id=issued.client_id).order_by("id")
        return list(events.values_list("type", flat=True))


def entries_of(issued, action):
    with tenant_context(issued.key.tenant):
        return list(AuditEntry.objects.filter(action=action, target_id=issued.client_id).order_by("id"))


def waiting(secret):
    with system_context(reason="a test looks at what waits"):
        return list(LeakReport.objects.filter(digest=crypto.mac("leak report", secret.encode())))


def mails_to(user):
    return [message for message in mail.outbox if message.to == [user.email]]


def keep_reported_keys(company):
    with tenant_context(company.live_tenant):
        Company.objects.filter(id=company.id).update(revoke_reported_keys=False)


def test_a_reported_key_is_revoked_at_once_and_its_owners_are_told(world, issue_key, api, login):
    issued, other = issue_key(world.company, name="mailer"), issue_key(world.company)
    mail.outbox.clear()

    report(issued.client_secret, ip="203.0.113.9")

    assert api(issued.client_secret).get("/v1/whoami").code == "key_revoked"
    assert api(other.client_secret).get("/v1/whoami").status == 200
    assert types_of(issued) == ["api_key.created", "api_key.exposed", "api_key.revoked"]
    (exposed,) = entries_of(issued, "api_key.exposed")
    shown = keys.parse(issued.client_secret).display
    assert (exposed.ip, exposed.user_agent) == ("203.0.113.9", "finder/1.0")
    assert exposed.detail["shown_as"] == shown
    assert exposed.detail["found_at"] == PLACE
    assert exposed.detail["action"] == "revoked"
    (told,) = mails_to(world.owner)
    assert told.subject == "The API key mailer was revoked"
    assert "203.0.113.9" in told.body
    assert shown in told.body
    assert f"/keys/{issued.client_id}/" in told.body
    # What a stranger wrote must not become a link in a mail of ours.
    assert "git.example" not in told.body + str(told.alternatives)
    page = login(world.owner).get(f"/keys/{issued.client_id}/").content.decode()
    assert "Reported as found in the open" in page
    assert 'from <span class="mono">203.0.113.9</span>' in page
    assert f'<q class="break">{PLACE}</q>' in page
    assert waiting(issued.client_secret) == []


def test_the_list_of_keys_and_the_overview_show_it(world, issue_key, login):
    keep_reported_keys(world.company)
    issued = issue_key(world.company, name="mailer")
    browser = login(world.owner)
    assert "Reported" not in browser.get("/keys/").content.decode()

    report(issued.client_secret)

    assert "Reported" in browser.get("/keys/").content.decode()
    assert "mailer: found in the open." in browser.get("/").content.decode()
    page = browser.get(f"/keys/{issued.client_id}/").content.decode()
    assert "Reported as leaked." in page
    assert "It still works" in page


def test_without_the_setting_the_key_keeps_working_and_the_owners_are_told(world, issue_key, api):
    keep_reported_keys(world.company)
    issued = issue_key(world.company, name="mailer")
    mail.outbox.clear()

    report(issued.client_secret)

    assert api(issued.client_secret).get("/v1/whoami").status == 200
    assert types_of(issued) == ["api_key.created", "api_key.exposed"]
    assert [one.subject for one in mails_to(world.owner)] == ["The API key mailer was reported as leaked"]


def test_an_admin_chooses_what_a_report_does_and_the_choice_is_audited(world, login):
    admin, viewer = make_user("admin"), make_user("viewer")
    join(world.company, admin, Role.ADMIN)
    join(world.company, viewer, Role.VIEWER)
    form = {"name": world.company.name, "slug": world.company.slug}
    assert login(viewer, world.company).post("/settings/", form).status_code == 403
    assert "checked" in login(admin, world.company).get("/settings/").content.decode()

    assert login(admin, world.company).post("/settings/", form).status_code == 302

    with tenant_context(world.company.live_tenant):
        assert not Company.objects.get(id=world.company.id).revoke_reported_keys
        (entry,) = AuditEntry.objects.filter(action="company.updated")
    assert entry.changes == {"revoke_reported_keys": [True, False]}


def test_an_owner_undoes_it_within_the_hour_and_the_same_report_stops_the_key_no_more(
    world, issue_key, api, login
):
    issued = issue_key(world.company)
    report(issued.client_secret)
    assert login(world.teammate).post(f"/keys/{issued.client_id}/undo/").status_code == 403

    assert login(world.owner).post(f"/keys/{issued.client_id}/undo/").status_code == 302

    assert api(issued.client_secret).get("/v1/whoami").status == 200
    report(issued.client_secret, later=timedelta(hours=25))
    assert api(issued.client_secret).get("/v1/whoami").status == 200
    # The owners hear of it again, and the page keeps saying it.
    assert types_of(issued)[-2:] == ["api_key.restored", "api_key.exposed"]
    assert "Reported as leaked." in login(world.owner).get(f"/keys/{issued.client_id}/").content.decode()


def test_after_an_hour_it_cannot_be_undone(world, issue_key, monkeypatch):
    issued = issue_key(world.company)
    report(issued.client_secret)
    later = clock.now() + timedelta(minutes=61)
    monkeypatch.setattr(clock, "now", lambda: later)
    with tenant_context(world.tenant()), pytest.raises(UndoRefused):
        restore_key(key=issued.key, actor=SYSTEM)
    assert key_of(world, issued).revoked_at is not None


def test_a_rotation_clears_the_report(world, issue_key, api, login):
    issued = issue_key(world.company)
    report(issued.client_secret)
    login(world.owner).post(f"/keys/{issued.client_id}/undo/")
    with tenant_context(world.tenant()):
        renewed = rotate_key(key=issued.key, overlap=timedelta(0), actor=SYSTEM)
    assert "Reported as leaked." not in login(world.owner).get(f"/keys/{issued.client_id}/").content.decode()

    report(renewed.client_secret)

    assert api(renewed.client_secret).get("/v1/whoami").code == "key_revoked"


def test_a_secret_that_is_dead_already_stops_nothing(world, issue_key, api):
    """Otherwise whoever once worked with a key could stop it for ever with a secret that is worth nothing."""
    issued = issue_key(world.company)
    with tenant_context(world.tenant()):
        renewed = rotate_key(key=issued.key, overlap=timedelta(0), actor=SYSTEM)
    mail.outbox.clear()

    report(issued.client_secret)
    report(issued.client_secret)

    assert api(renewed.client_secret).get("/v1/whoami").status == 200
    assert mails_to(world.owner) == []
    assert types_of(issued) == ["api_key.created", "api_key.rotated"]
    (entry,) = entries_of(issued, "api_key.dead_secret_reported")
    assert entry.detail["found_at"] == PLACE
    assert key_of(world, issued).leaked_at is None
    # And it hides nothing: the secret that works is told of all the same.
    report(renewed.client_secret)
    assert api(renewed.client_secret).get("/v1/whoami").code == "key_revoked"


def test_the_old_secret_of_a_rotation_is_ended_and_the_new_one_works_on(world, issue_key, api):
    issued = issue_key(world.company, name="mailer")
    with tenant_context(world.tenant()):
        renewed = rotate_key(key=issued.key, overlap=timedelta(hours=24), actor=SYSTEM)
    mail.outbox.clear()

    report(issued.client_secret)

    assert api(issued.client_secret).get("/v1/whoami").code == "key_revoked"
    assert api(renewed.client_secret).get("/v1/whoami").status == 200
    assert types_of(issued)[-2:] == ["api_key.exposed", "api_key.overlap_ended"]
    assert [one.subject for one in mails_to(world.owner)] == ["The API key mailer lost its old secret"]
    assert key_of(world, issued).leaked_at is None


def test_a_browser_key_cannot_be_stopped_by_those_who_open_the_page(world, issue_key, api):
    issued = issue_key(world.company, name="shop", kind="browser", allowed_origins=["https://shop.example"])
    mail.outbox.clear()

    report(issued.client_secret)

    headers = {"Origin": "https://shop.example"}
    assert api(issued.client_secret).get("/v1/customers", headers=headers).status == 200
    assert types_of(issued) == ["api_key.created", "api_key.exposed"]
    (told,) = mails_to(world.owner)
    assert "keeps working" in told.body


def test_owners_are_not_told_twice_within_a_day(world, issue_key):
    keep_reported_keys(world.company)
    issued = issue_key(world.company)
    mail.outbox.clear()

    for later in (0, 1, 23, 25):
        report(issued.client_secret, later=timedelta(hours=later))

    assert len(mails_to(world.owner)) == 2
    assert types_of(issued) == ["api_key.created", "api_key.exposed", "api_key.exposed"]


def almost(secret):
    """A well-formed secret with the locator of a real one: what somebody could make from what pages show."""
    body = secret[:16] + "0" * 24
    return body + keys.checksum(body)


def test_what_a_page_shows_of_a_secret_is_not_enough_to_stop_a_key(world, issue_key, api):
    issued = issue_key(world.company)

    report(almost(issued.client_secret))

    assert api(issued.client_secret).get("/v1/whoami").status == 200
    assert types_of(issued) == ["api_key.created"]
    assert secret_of(issued).reported_at is None
    shown = keys.parse(almost(issued.client_secret)).display
    with system_context(reason="a test reads the staff's trail"):
        (entry,) = StaffEntry.objects.filter(action="api_key.unknown_secret_reported", detail__shown_as=shown)
    assert entry.detail["found_at"] == PLACE


def test_the_answer_does_not_say_whose_secret_it_is_or_whether_it_works(world, issue_key):
    """The same bytes and headers for a working, a revoked, a foreign and a made-up secret, before anybody looks it up."""
    working, revoked = issue_key(world.company), issue_key(world.company)
    with tenant_context(world.tenant()):
        revoke_key(key=revoked.key, actor=SYSTEM)
    made_up = keys.generate("live").text
    answers = set()
    pages = set()
    for secret in (working.client_secret, revoked.client_secret, made_up, almost(working.client_secret)):
        answer = send(secret)
        headers = {
            name: value for name, value in answer.headers.items() if name not in ("X-Request-Id", "Expires")
        }
        answers.add((answer.status_code, answer.content, json.dumps(headers, sort_keys=True)))
        page = visitor().post(PAGE, {"secret": secret, "found_at": PLACE})
        pages.add((page.status_code, page.content, page.headers["Location"]))
        assert len(waiting(secret)) == 1
    assert len(answers) == 1
    assert next(iter(answers))[:2] == (202, b'{"object":"leak_report","status":"received"}')
    assert pages == {(302, b"", "/found-key/thanks/")}
    # Nothing was looked up while the reporter waited.
    assert types_of(working) == ["api_key.created"]
    assert secret_of(working).activated_at is None
    judge_reports(now=clock.now())


def test_a_report_counts_as_no_use_of_the_key(world, issue_key):
    keep_reported_keys(world.company)
    issued = issue_key(world.company)

    report(issued.client_secret)

    row = secret_of(issued)
    assert (row.activated_at, row.proof, row.last_used_at) == (None, "", None)


@pytest.mark.parametrize(
    ("pasted", "message"),
    [
        ("hello", "No secret is in this text"),
        ("pm_live_short", "No secret is in this text"),
        ("pm_live_" + "A" * 38, "checksum"),
        ("x" * 5000, "At most"),
    ],
)
def test_what_cannot_be_a_secret_is_said_to_be_none_and_kept_nowhere(pasted, message):
    """That is arithmetic anybody can do; it says nothing about our keys."""
    before = count_waiting()
    answer = send(pasted)
    body = json.loads(answer.content)
    assert (answer.status_code, body["error"]["code"]) == (400, "validation_failed")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert message in body["error"]["fields"][0]["message"]
    assert pasted not in answer.content.decode() or pasted == "hello"

    page = visitor().post(PAGE, {"secret": pasted, "found_at": ""})
    html = page.content.decode()
    assert page.status_code == 422
    assert message in html
    assert f'value="{pasted[:20]}' not in html
    assert count_waiting() == before


def count_waiting():
    with system_context(reason="a test counts what waits"):
        return LeakReport.objects.count()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_request"),
        (b"[]", 400, "invalid_request"),
        (b"{}", 400, "validation_failed"),
        (b'{"secret": 7}', 400, "validation_failed"),
        (b'{"secret": "a\\u0000"}', 400, "validation_failed"),
        (b'{"secret": "x", "company": "co_1"}', 400, "validation_failed"),
    ],
)
def test_a_program_gets_precise_errors(body, status, code):
    answer = visitor().post(ENDPOINT, body, content_type="application/json")
    assert (answer.status_code, json.loads(answer.content)["error"]["code"]) == (status, code)


def test_other_methods_and_types_are_refused():
    got = visitor().get(ENDPOINT)
    assert (got.status_code, got.headers["Allow"]) == (405, "POST")
    typed = visitor().post(ENDPOINT, b"secret=x", content_type="application/x-www-form-urlencoded")
    assert typed.status_code == 415


def test_the_line_a_secret_stands_in_is_enough_and_the_place_keeps_no_secret(world, issue_key, api):
    issued = issue_key(world.company)

    report(f'POMELO_SECRET="{issued.client_secret}"  # do not share', f"line: {issued.client_secret}")

    assert api(issued.client_secret).get("/v1/whoami").code == "key_revoked"
    assert secret_of(issued).reported_place == "line: [redacted]"


def test_reports_are_limited_by_address_and_by_nothing_else(world, issue_key):
    issued = issue_key(world.company)
    client = visitor()
    answers = [send(keys.generate("live").text, client=client) for _ in range(12)]
    assert [answer.status_code for answer in answers][:10] == [202] * 10
    refused = answers[-1]
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert json.loads(refused.content)["error"]["code"] == "rate_limited"
    page = client.post(PAGE, {"secret": issued.client_secret})
    assert page.status_code == 429
    assert int(page.headers["Retry-After"]) >= 1
    assert waiting(issued.client_secret) == []
    # Somebody else can report meanwhile, and the failures of keys are counted apart.
    assert send(issued.client_secret).status_code == 202
    judge_reports(now=clock.now())


def test_one_network_is_one_reporter():
    spellings = ["2001:db8:77:1::1", "2001:db8:77:1::2"]
    answers = [
        send(keys.generate("live").text, client=visitor(spellings[n % 2])).status_code for n in range(12)
    ]
    assert answers[-1] == 429
    judge_reports(now=clock.now())


def test_without_valkey_reports_are_taken_in_and_limited(world, issue_key, api, monkeypatch):
    def away(*args, **kwargs):
        raise ValkeyUnavailable("stopped")

    issued = issue_key(world.company)
    client = visitor()
    with monkeypatch.context() as patch:
        patch.setattr(reports, "take_one", away)
        answers = [send(issued.client_secret, client=client).status_code for _ in range(11)]
    assert answers == [202] * 10 + [429]
    judge_reports(now=clock.now())
    assert api(issued.client_secret).get("/v1/whoami").code == "key_revoked"


def test_a_flood_is_refused_before_it_fills_the_table(monkeypatch):
    monkeypatch.setattr(reports, "MAX_WAITING", 0)
    answer = send(keys.generate("live").text)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert visitor().post(PAGE, {"secret": keys.generate("live").text}).status_code == 503


def test_the_same_secret_waits_once(world, issue_key):
    issued = issue_key(world.company)
    for _ in range(3):
        assert send(issued.client_secret).status_code == 202
    assert len(waiting(issued.client_secret)) == 1
    judge_reports(now=clock.now())


def test_a_report_that_cannot_be_judged_now_waits_and_stops_no_other(world, issue_key, api, monkeypatch):
    first, broken, second = (issue_key(world.company) for _ in range(3))
    real = reports.is_secret_of

    def away(secret, row):
        if secret == first.client_secret:
            raise StoreUnavailable("sealed")
        if secret == broken.client_secret:
            raise RuntimeError("unexpected")
        return real(secret, row)

    for issued in (first, broken, second):
        assert send(issued.client_secret).status_code == 202
    with monkeypatch.context() as patch:
        patch.setattr(reports, "is_secret_of", away)
        judge_reports(now=clock.now())
    assert api(first.client_secret).get("/v1/whoami").status == 200
    assert api(second.client_secret).get("/v1/whoami").code == "key_revoked"
    judge_reports(now=clock.now())
    for issued in (first, broken):
        assert api(issued.client_secret).get("/v1/whoami").code == "key_revoked"


def test_a_report_that_could_not_be_judged_for_a_day_is_dropped(world, issue_key):
    issued = issue_key(world.company)
    send(issued.client_secret)
    judge_reports(now=clock.now() + timedelta(hours=25))
    assert waiting(issued.client_secret) == []
    assert types_of(issued) == ["api_key.created"]


def test_what_waits_holds_no_secret_in_clear(world, issue_key):
    issued = issue_key(world.company)
    send(issued.client_secret)
    (row,) = waiting(issued.client_secret)
    assert issued.client_secret[16:40] not in row.secret + row.place
    assert bytes(row.digest).hex() not in issued.client_secret
    judge_reports(now=clock.now())


def test_a_key_of_the_other_mode_or_company_is_found_as_well(world, issue_key, api):
    test_key, foreign = issue_key(world.company, mode="test"), issue_key(world.other_company)
    mail.outbox.clear()
    report(test_key.client_secret)
    report(foreign.client_secret)
    for issued in (test_key, foreign):
        assert api(issued.client_secret).get("/v1/whoami").code == "key_revoked"
    assert len(mails_to(world.owner)) == 1
    assert len(mails_to(world.outsider)) == 1


def test_the_page_is_for_everybody_and_linked_from_where_people_look():
    page = visitor().get(PAGE)
    assert page.status_code == 200
    assert "no-store" in page.headers["Cache-Control"]
    assert 'href="/found-key/"' in visitor().get("/accounts/login/").content.decode()
    assert "/found-key/" in visitor().get("/docs/keys/").content.decode()
    assert "/found-key/" in visitor().get("/docs/authentication/").content.decode()


def test_security_txt_leads_to_it(settings):
    settings.SECURITY_CONTACTS = ["mailto:security@acme.example"]
    answer = visitor().get("/.well-known/security.txt")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    text = answer.content.decode()
    contacts = re.findall(r"^Contact: (.+)$", text, re.MULTILINE)
    assert contacts == ["mailto:security@acme.example", f"{settings.PUBLIC_URL}/found-key/"]
    (expires,) = re.findall(r"^Expires: (.+)$", text, re.MULTILINE)
    left = clock.now().fromisoformat(expires) - clock.now()
    assert timedelta(days=170) < left < timedelta(days=365)
