"""Somebody without an account finds a secret on a telephone; its owner sees what happened and decides."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from apikeys.services.reports import evaluate_reports
from core import clock
from tests.factories import World, make_key

Visit = Callable[..., Page]
SignIn = Callable[[Page, User], None]


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_from_a_find_to_the_owners_decision(
    world: World, visit: Visit, sign_in_as: SignIn, scripts: bool
) -> None:
    issued = make_key(world.company, name="mailer")
    finder = visit(width=360, scripts=scripts)
    finder.goto("/accounts/login/")
    finder.get_by_role("link", name="I found a key").click()

    finder.get_by_label("The secret you found").fill("pm_live_" + "A" * 38)
    finder.get_by_role("button", name="Report it").click()
    expect(finder.get_by_text("The checksum does not match").last).to_be_visible()
    expect(finder.get_by_label("The secret you found")).to_have_value("")

    finder.get_by_label("The secret you found").fill(f"SECRET={issued.client_secret}")
    finder.get_by_label("Where you found it").fill("https://git.example/acme/.env")
    finder.get_by_role("button", name="Report it").click()
    expect(finder.get_by_role("heading", name="Thank you")).to_be_visible()
    evaluate_reports(now=clock.now())

    owner = visit(scripts=scripts)
    sign_in_as(owner, world.owner)
    owner.goto("/keys/")
    expect(owner.get_by_role("row", name="mailer")).to_contain_text("Revoked")
    owner.get_by_role("link", name="mailer").first.click()
    expect(owner.get_by_text("This key is revoked.")).to_be_visible()
    expect(owner.get_by_text("https://git.example/acme/.env")).to_be_visible()
    owner.get_by_role("button", name="Undo the revocation").click()
    expect(owner.get_by_text("mailer works again.")).to_be_visible()
    expect(owner.get_by_text("It still works: rotate the key")).to_be_visible()
