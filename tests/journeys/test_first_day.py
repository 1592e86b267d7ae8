"""The first day: from nothing to a key that works, with scripts and without."""

import re
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.core import mail
from playwright.sync_api import Error, Page, expect

from tests.factories import PASSWORD

Visit = Callable[..., Page]


def code_from_mail(address: str) -> str:
    """Return the code of the newest mail to `address`."""
    message = next(message for message in reversed(mail.outbox) if message.to == [address])
    return re.search(r"^([A-Z0-9]{3,}(?:-[A-Z0-9]+)*)$", message.body, re.MULTILINE)[1]


def sign_up(page: Page, company: str) -> str:
    """Sign up, confirm by the mailed code, create `company`; returns the address used."""
    address = f"ada-{time.time_ns()}@example.com"
    page.goto("/")
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("Email").fill(address)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/accounts/confirm-email/")
    page.locator("input[name=code]").fill(code_from_mail(address))
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Company name").fill(company)
    page.get_by_role("button", name="Create company").click()
    page.wait_for_url(re.compile(r"://[^/]+/(\?company=.*)?$"))
    return address


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_from_sign_up_to_a_call_that_works(visit: Visit, base_url: str, scripts: bool) -> None:
    page = visit(scripts=scripts)
    sign_up(page, "Citrus Works")
    expect(page.get_by_role("heading", name="First steps")).to_be_visible()

    page.get_by_role("button", name="Test", exact=True).first.click()
    expect(page.get_by_text("Test mode: only test data is shown")).to_be_visible()
    page.get_by_role("link", name="Create key").first.click()
    page.get_by_label("Name", exact=True).fill("first integration")
    page.get_by_role("link", name="Read only").click()
    if not scripts:  # the preset loads the page again, as it says
        page.get_by_label("Name", exact=True).fill("first integration")
    page.get_by_label("customers:write").check()
    page.get_by_role("button", name="Create key").click()

    expect(page.get_by_role("heading", name="Store the secret now")).to_be_visible()
    secret = page.get_by_label("Client secret").input_value()
    assert secret.startswith("pm_test_")
    answer = httpx.get(f"{base_url}/v1/whoami", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 200
    assert answer.json()["company"]["name"] == "Citrus Works"
    assert answer.json()["mode"] == "test"

    page.get_by_role("link", name="I have stored the secret").click()
    expect(page.get_by_role("heading", name="first integration")).to_be_visible()
    assert secret not in page.content()
    with pytest.raises(Error, match="ERR_CACHE_MISS"):  # the browser has not kept it either
        page.go_back()


def test_the_secret_page_is_not_stored_anywhere(visit: Visit) -> None:
    page = visit()
    sign_up(page, "Careful")
    page.goto("/keys/new/")
    page.get_by_label("Name", exact=True).fill("k")
    page.get_by_label("customers:read").check()

    with page.expect_response(lambda response: response.request.method == "POST") as caught:
        page.get_by_role("button", name="Create key").click()

    assert caught.value.status == 200
    assert "no-store" in caught.value.headers["cache-control"]


def test_copying_a_secret_says_so(visit: Visit) -> None:
    page = visit()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_up(page, "Copier")
    page.goto("/keys/new/")
    page.get_by_label("Name", exact=True).fill("k")
    page.get_by_label("customers:read").check()
    page.get_by_role("button", name="Create key").click()
    secret = page.get_by_label("Client secret").input_value()

    page.get_by_role("button", name="Copy Client secret").click()

    expect(page.locator("#copy-status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == secret


def test_passkey_replaces_the_password(visit: Visit) -> None:
    page = visit()
    address = sign_up(page, "Passkeys")
    devtools: Any = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    page.goto("/accounts/2fa/webauthn/add/")
    if "reauthenticate" in page.url:
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add").click()
    page.wait_for_url(
        lambda url: not url.endswith("/webauthn/add/")
    )  # leaving sooner would cancel what was sent

    page.goto("/")
    page.locator("details.switcher summary", has_text=address).first.click()
    page.get_by_role("button", name="Sign out").first.click()
    page.get_by_role("button", name="Sign in with a passkey").click()

    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
