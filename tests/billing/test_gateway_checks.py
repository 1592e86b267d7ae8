"""Start-up refuses a gateway that cannot be loaded, and Stripe keys of the wrong mode."""

import pytest
from django.core.checks import CheckMessage, Error
from pytest_django import Settings

from billing.checks import STRIPE, check_gateways
from tests.billing.pocket_gateway import PocketGateway
from tests.billing.stripe_stand_in import LIVE_KEY, TEST_KEY

SECRET = "whsec_stand_in"
COMPLETE = {
    "STRIPE_LIVE_SECRET_KEY": LIVE_KEY,
    "STRIPE_LIVE_WEBHOOK_SECRET": SECRET,
    "STRIPE_TEST_SECRET_KEY": TEST_KEY,
    "STRIPE_TEST_WEBHOOK_SECRET": SECRET,
}


def found(settings: Settings, **changes: str) -> list[tuple[str, str]]:
    settings.BILLING_GATEWAY = STRIPE
    for name, value in {**COMPLETE, **changes}.items():
        setattr(settings, name, value)
    messages = check_gateways(None)
    texts = " ".join(f"{each.msg} {each.hint}" for each in messages)
    assert not any(value and value in texts for value in COMPLETE.values())
    return [(str(each.id), each.msg) for each in messages]


def test_separate_keys_for_both_modes_are_accepted(settings: Settings) -> None:
    assert found(settings) == []
    assert found(settings, STRIPE_LIVE_SECRET_KEY="rk_live_x", STRIPE_API_URL="http://127.0.0.1:1") == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"STRIPE_LIVE_SECRET_KEY": TEST_KEY}, "STRIPE_LIVE_SECRET_KEY is a key of Stripe's test mode."),
        ({"STRIPE_TEST_SECRET_KEY": LIVE_KEY}, "STRIPE_TEST_SECRET_KEY is a key of Stripe's live mode."),
        ({"STRIPE_TEST_SECRET_KEY": "pk_test_x"}, "STRIPE_TEST_SECRET_KEY is not a Stripe secret key."),
        ({"STRIPE_LIVE_SECRET_KEY": ""}, "STRIPE_LIVE_SECRET_KEY is not set."),
        (
            {"STRIPE_LIVE_WEBHOOK_SECRET": ""},
            "STRIPE_LIVE_WEBHOOK_SECRET is not set: disputes and late results would go unnoticed.",
        ),
        ({"STRIPE_API_URL": "api.stripe.com"}, "STRIPE_API_URL is not an http:// or https:// URL."),
        *(
            ({"STRIPE_CHECKOUT_URL": url}, "STRIPE_CHECKOUT_URL is not an https:// URL without a path.")
            for url in (
                "pay.example.com",
                "http://pay.example.com",
                "https://pay.example.com/x",
                "https://a@b.com",
                "",
            )
        ),
    ],
)
def test_missing_and_conflicting_settings_are_reported(
    settings: Settings, changes: dict[str, str], complaint: str
) -> None:
    assert found(settings, **changes) == [("pomelo.E036", complaint)]


def test_mode_may_be_left_out_but_not_both(settings: Settings) -> None:
    no_test = {"STRIPE_TEST_SECRET_KEY": "", "STRIPE_TEST_WEBHOOK_SECRET": ""}
    no_live = {"STRIPE_LIVE_SECRET_KEY": "", "STRIPE_LIVE_WEBHOOK_SECRET": ""}
    assert [each for each, _ in found(settings, **no_test)] == ["pomelo.W002"]
    assert "pomelo.E036" in [each for each, _ in found(settings, **no_test, **no_live)]


class Unfinished:
    """A gateway that was written before gateways checked their settings."""

    name = "unfinished"


@pytest.mark.parametrize(
    "path", ["os.path.join", "os.environ", f"{__name__}.Unfinished", f"{__name__}.COMPLETE", ".x"]
)
def test_paths_of_something_else_are_reported(settings: Settings, path: str) -> None:
    settings.BILLING_GATEWAY = path

    [message] = check_gateways(None)

    assert message.id == "pomelo.E035"
    assert message.msg.startswith(f"BILLING_GATEWAY is {path}, which ")


class PickyGateway(PocketGateway):
    """A gateway from elsewhere, which checks its own settings."""

    @staticmethod
    def check_settings() -> list[CheckMessage]:
        """Find fault."""
        return [Error("PICKY_KEY is not set.", id="picky.E001")]


def test_every_gateway_in_use_checks_its_own_settings_once(settings: Settings) -> None:
    settings.BILLING_GATEWAY = f"{__name__}.PickyGateway"
    settings.BILLING_FORMER_GATEWAYS = [settings.BILLING_GATEWAY]

    assert [each.id for each in check_gateways(None)] == ["picky.E001"]


def test_gateway_that_cannot_be_loaded_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BILLING_FORMER_GATEWAYS = ["billing.gateways.paypal.PayPalGateway"]
    [message] = check_gateways(None)
    assert message.msg.startswith("BILLING_FORMER_GATEWAYS is billing.gateways.paypal.PayPalGateway, which")

    settings.BILLING_FORMER_GATEWAYS = [STRIPE]
    monkeypatch.setattr("billing.checks.find_spec", lambda name: None)
    assert (
        check_gateways(None)[0].msg == "BILLING_FORMER_GATEWAYS names Stripe, but its SDK is not installed."
    )
