"""Pages at the end of a task, or in front of an obstacle, link to the next step."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from tests.clients import sign_in
from tests.factories import World


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("/accounts/inactive/", "/accounts/login/"),
        ("/accounts/password/reset/", "/accounts/login/"),
        ("/accounts/password/reset/done/", "/accounts/login/"),
        ("/accounts/password/reset/key/done/", "/accounts/login/"),
    ],
)
def test_anonymous_visitor_is_led_back_to_signing_in(path: str, link: str) -> None:
    page = Client().get(path)

    assert page.status_code == 200
    assert f'href="{link}"' in page.content.decode()


def test_signed_in_user_is_led_back_to_the_overview(world: World) -> None:
    browser = sign_in(world.owner, world.company)
    for path in (
        "/accounts/password/reset/",
        "/accounts/password/reset/done/",
        "/accounts/password/reset/key/done/",
    ):
        assert '<a href="/">Back to the overview</a>' in browser.get(path).content.decode().replace(
            ' class="button button-primary"', ""
        )


def test_list_without_passkeys_offers_to_add_one(world: World) -> None:
    page = sign_in(world.owner, world.company).get("/accounts/2fa/webauthn/").content.decode()

    assert "No passkeys yet" in page
    assert 'href="/accounts/2fa/webauthn/add/"' in page


def test_reset_link_that_does_not_work_says_why_and_offers_another() -> None:
    page = Client().get("/accounts/password/reset/key/1-nothing/").content.decode()

    assert "<h1>This link does not work</h1>" in page
    assert 'href="/accounts/password/reset/">Send a new link</a>' in page


def test_email_address_page_shows_addresses_and_their_state(world: World) -> None:
    EmailAddress.objects.filter(user=world.owner).delete()
    EmailAddress.objects.create(user=world.owner, email="Ada@example.com", verified=True, primary=True)

    page = sign_in(world.owner, world.company).get("/accounts/email/").content.decode()

    assert "Ada@example.com" in page
    assert ">Verified</span>" in page
    assert ">Primary</span>" in page


def test_each_address_offers_what_can_be_done_with_it(world: World) -> None:
    EmailAddress.objects.filter(user=world.owner).delete()
    first, second, third = world.owner.email, f"second-{world.owner.email}", f"third-{world.owner.email}"
    for email, verified in ((first, True), (second, True), (third, False)):
        EmailAddress.objects.create(user=world.owner, email=email, verified=verified, primary=email == first)
    browser = sign_in(world.owner, world.company)

    rows = re.findall(r"<tr>(.*?)</tr>", browser.get("/accounts/email/").content.decode(), re.DOTALL)[1:]

    offered = {
        email: re.findall(r'name="action_(\w+)"', row)
        for row in rows
        for email in re.findall(r'break">([^<]*)<', row)
    }
    assert offered == {first: [], second: ["primary", "remove"], third: ["send", "remove"]}


def test_signing_out_can_be_canceled(world: World) -> None:
    page = sign_in(world.owner, world.company).get("/accounts/logout/").content.decode()

    assert '<a class="button" href="/">Cancel</a>' in page
