"""Expired sessions are deleted; active ones, and their users' sign-ins, stay."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from core import clock
from core.operations import sessions
from core.tasks import prune_sessions
from tests.factories import PASSWORD, World


def made(count: int, *, ends_in: timedelta) -> None:
    Session.objects.bulk_create(
        Session(session_key=f"{ends_in.days}-{n}", session_data="x", expire_date=clock.now() + ends_in)
        for n in range(count)
    )


@pytest.mark.parametrize("step", [2, 5_000])
def test_expired_sessions_are_deleted_in_steps_and_active_ones_kept(
    world: World, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    monkeypatch.setattr(sessions, "STEP", step)
    browser = Client()
    browser.post("/accounts/login/", {"login": world.owner.email, "password": PASSWORD})
    made(5, ends_in=timedelta(days=-1))
    made(3, ends_in=timedelta(days=1))

    assert prune_sessions() == 5

    assert Session.objects.filter(expire_date__lte=clock.now()).count() == 0
    assert Session.objects.filter(session_key__startswith="1-").count() == 3
    assert browser.get("/keys/").status_code == 200
    Session.objects.filter(session_key__startswith="1-").delete()


def test_session_cleanup_is_bounded_per_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "STEP", 2)
    made(5, ends_in=timedelta(days=-2))

    assert sessions.prune_ended(now=clock.now(), max_steps=2) == 4
    assert sessions.prune_ended(now=clock.now(), max_steps=2) == 1


@pytest.mark.parametrize("written", ['"\\000aaaaaaaaaaaaaaaa"', '"aaaaaaaaaaaa\\377"', "a" * 5_000])
def test_malformed_session_cookie_is_ignored(written: str) -> None:
    answer = Client().get("/keys/", headers={"cookie": f"{settings.SESSION_COOKIE_NAME}={written}"})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/login/?next=/keys/")
