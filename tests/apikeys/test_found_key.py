"""Reporting a found secret, and the consequences for its key."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from accounts.models import Company
from accounts.roles import Role
from apikeys import keys
from apikeys.services import IssuedKey, UndoRefused, reports, restore_key, rotate_key
from apikeys.services.reports import evaluate_reports
from apikeys.stores import StoreUnavailable
from apikeys.verification import is_secret_of
from audit.models import AuditEntry, StaffEntry
from core import clock
from core.tenancy import system_context, tenant_context
from tests.apikeys.found_keys import (
    PLACE,
    almost,
    entries_of,
    keep_reported_keys,
    key_of,
    mails_to,
    report,
    secret_of,
    send,
    types_of,
    waiting,
)
from tests.clients import ApiClient
from tests.contracts.forms import read_forms
from tests.factories import SYSTEM, World, join, make_user, new_secret


def test_reported_key_is_revoked_immediately_and_its_owners_are_notified(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    login: Callable[..., Client],
) -> None:
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
    assert "Reported as leaked" in page
    assert 'from <span class="mono">203.0.113.9</span>' in page
    assert f'<q class="break">{PLACE}</q>' in page
    assert waiting(issued.client_secret) == []


def test_key_list_and_overview_show_the_report(
    world: World, issue_key: Callable[..., IssuedKey], login: Callable[..., Client]
) -> None:
    keep_reported_keys(world.company)
    issued = issue_key(world.company, name="mailer")
    browser = login(world.owner)
    assert "Reported" not in browser.get("/keys/").content.decode()

    report(issued.client_secret)

    assert "Reported" in browser.get("/keys/").content.decode()
    assert "mailer: reported as leaked." in browser.get("/").content.decode()
    page = browser.get(f"/keys/{issued.client_id}/").content.decode()
    assert "Reported as leaked." in page
    assert "It still works" in page


def test_without_the_setting_the_key_keeps_working_and_the_owners_are_notified(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    keep_reported_keys(world.company)
    issued = issue_key(world.company, name="mailer")
    mail.outbox.clear()

    report(issued.client_secret)

    assert api(issued.client_secret).get("/v1/whoami").status == 200
    assert types_of(issued) == ["api_key.created", "api_key.exposed"]
    assert [one.subject for one in mails_to(world.owner)] == ["The API key mailer was reported as leaked"]


def test_admin_chooses_what_a_report_does_and_the_choice_is_audited(
    world: World, login: Callable[..., Client]
) -> None:
    admin, viewer = make_user("admin"), make_user("viewer")
    join(world.company, admin, Role.ADMIN)
    join(world.company, viewer, Role.VIEWER)
    page = login(admin, world.company).get("/settings/").content.decode()
    [form] = [each for each in read_forms(page, address="/settings/") if "slug" in each.values]
    values = {name: sent[-1] for name, sent in form.values.items() if sent}
    assert values.pop("revoke_reported_keys") == "on"
    assert login(viewer, world.company).post("/settings/", values).status_code == 403
    said = "reported as leaked</dt><dd>{}</dd>".format
    assert said("yes") in login(viewer, world.company).get("/settings/").content.decode()

    assert login(admin, world.company).post("/settings/", values).status_code == 302
    assert said("no") in login(viewer, world.company).get("/settings/").content.decode()

    with tenant_context(world.company.live_tenant):
        assert not Company.objects.get(id=world.company.id).revoke_reported_keys
        (entry,) = AuditEntry.objects.filter(action="company.updated")
    assert entry.changes == {"revoke_reported_keys": [True, False]}


def test_owner_undoes_the_revocation_within_the_hour_and_a_repeated_report_is_ignored(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    login: Callable[..., Client],
) -> None:
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


def test_revocation_cannot_be_undone_after_an_hour(
    world: World, issue_key: Callable[..., IssuedKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = issue_key(world.company)
    report(issued.client_secret)
    later = clock.now() + timedelta(minutes=61)
    monkeypatch.setattr(clock, "now", lambda: later)
    with tenant_context(world.tenant()), pytest.raises(UndoRefused):
        restore_key(key=issued.key, actor=SYSTEM)
    assert key_of(world, issued).revoked_at is not None


def test_rotation_clears_the_report(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    login: Callable[..., Client],
) -> None:
    issued = issue_key(world.company)
    report(issued.client_secret)
    login(world.owner).post(f"/keys/{issued.client_id}/undo/")
    with tenant_context(world.tenant()):
        renewed = rotate_key(key=issued.key, overlap=timedelta(0), secret=new_secret(), actor=SYSTEM)
    assert "Reported as leaked." not in login(world.owner).get(f"/keys/{issued.client_id}/").content.decode()

    report(renewed.client_secret)

    assert api(renewed.client_secret).get("/v1/whoami").code == "key_revoked"


def test_reporting_an_inactive_secret_stops_nothing(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """Otherwise whoever once worked with a key could stop it for ever with a secret that is worth nothing."""
    issued = issue_key(world.company)
    with tenant_context(world.tenant()):
        renewed = rotate_key(key=issued.key, overlap=timedelta(0), secret=new_secret(), actor=SYSTEM)
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


def test_reporting_the_old_secret_of_a_rotation_ends_only_that_secret(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company, name="mailer")
    with tenant_context(world.tenant()):
        renewed = rotate_key(key=issued.key, overlap=timedelta(hours=24), secret=new_secret(), actor=SYSTEM)
    mail.outbox.clear()

    report(issued.client_secret)

    assert api(issued.client_secret).get("/v1/whoami").code == "key_revoked"
    assert api(renewed.client_secret).get("/v1/whoami").status == 200
    assert types_of(issued)[-2:] == ["api_key.exposed", "api_key.overlap_ended"]
    assert [one.subject for one in mails_to(world.owner)] == ["The API key mailer lost its old secret"]
    assert key_of(world, issued).leaked_at is None


def test_reporting_a_browser_key_does_not_revoke_it(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company, name="shop", kind="browser", allowed_origins=["https://shop.example"])
    mail.outbox.clear()

    report(issued.client_secret)

    headers = {"Origin": "https://shop.example"}
    assert api(issued.client_secret).get("/v1/customers", headers=headers).status == 200
    assert types_of(issued) == ["api_key.created", "api_key.exposed"]
    (told,) = mails_to(world.owner)
    assert "keeps working" in told.body


def test_owners_are_not_notified_twice_within_a_day(
    world: World, issue_key: Callable[..., IssuedKey]
) -> None:
    keep_reported_keys(world.company)
    issued = issue_key(world.company)
    mail.outbox.clear()

    for later in (0, 1, 23, 25):
        report(issued.client_secret, later=timedelta(hours=later))

    assert len(mails_to(world.owner)) == 2
    assert types_of(issued) == ["api_key.created", "api_key.exposed", "api_key.exposed"]


def test_masked_secret_is_not_enough_to_revoke_a_key(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company)

    report(almost(issued.client_secret))

    assert api(issued.client_secret).get("/v1/whoami").status == 200
    assert types_of(issued) == ["api_key.created"]
    assert secret_of(issued).reported_at is None
    shown = keys.parse(almost(issued.client_secret)).display
    with system_context(reason="a test reads the staff's trail"):
        (entry,) = StaffEntry.objects.filter(action="api_key.unknown_secret_reported", detail__shown_as=shown)
    assert entry.detail["found_at"] == PLACE


def test_reporting_a_key_does_not_count_as_using_it(
    world: World, issue_key: Callable[..., IssuedKey]
) -> None:
    keep_reported_keys(world.company)
    issued = issue_key(world.company)

    report(issued.client_secret)

    row = secret_of(issued)
    assert (row.activated_at, row.proof, row.last_used_at) == (None, "", None)


def test_secret_is_found_in_a_pasted_line_and_redacted_from_the_place(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company)

    report(f'POMELO_SECRET="{issued.client_secret}"  # do not share', f"line: {issued.client_secret}")

    assert api(issued.client_secret).get("/v1/whoami").code == "key_revoked"
    assert secret_of(issued).reported_place == "line: [redacted]"


def test_report_that_cannot_be_verified_now_waits_and_blocks_no_other(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, broken, second = (issue_key(world.company) for _ in range(3))

    def away(secret: Any, row: Any) -> Any:
        if secret == first.client_secret:
            raise StoreUnavailable("sealed")
        if secret == broken.client_secret:
            raise RuntimeError("unexpected")
        return is_secret_of(secret, row)

    for issued in (first, broken, second):
        assert send(issued.client_secret).status_code == 202
    with monkeypatch.context() as patch:
        patch.setattr(reports, "is_secret_of", away)
        evaluate_reports(now=clock.now())
    assert api(first.client_secret).get("/v1/whoami").status == 200
    assert api(second.client_secret).get("/v1/whoami").code == "key_revoked"
    evaluate_reports(now=clock.now() + timedelta(minutes=2))
    for issued in (first, broken):
        assert api(issued.client_secret).get("/v1/whoami").code == "key_revoked"


def test_report_that_could_not_be_verified_for_a_day_is_dropped(
    world: World, issue_key: Callable[..., IssuedKey]
) -> None:
    issued = issue_key(world.company)
    send(issued.client_secret)
    evaluate_reports(now=clock.now() + timedelta(hours=25))
    assert waiting(issued.client_secret) == []
    assert types_of(issued) == ["api_key.created"]


def test_key_of_the_other_mode_or_company_is_found_as_well(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    test_key, foreign = issue_key(world.company, mode="test"), issue_key(world.other_company)
    mail.outbox.clear()
    report(test_key.client_secret)
    report(foreign.client_secret)
    for issued in (test_key, foreign):
        assert api(issued.client_secret).get("/v1/whoami").code == "key_revoked"
    assert len(mails_to(world.owner)) == 1
    assert len(mails_to(world.outsider)) == 1
