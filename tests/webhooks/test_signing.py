"""Signatures follow the Standard Webhooks specification, checked with its test vector and third-party libraries."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks
import svix.webhooks
from hypothesis import given
from hypothesis import strategies as st

from webhooks import signing

VERIFIERS = [
    pytest.param(standardwebhooks.Webhook, standardwebhooks.WebhookVerificationError, id="standardwebhooks"),
    pytest.param(svix.webhooks.Webhook, svix.webhooks.WebhookVerificationError, id="svix"),
]


def test_signature_matches_the_specifications_vector() -> None:
    signature = signing.sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(("verifier", "refusal"), VERIFIERS)
def test_third_party_libraries_verify_deliveries_and_refuse_edited_ones(verifier: Any, refusal: Any) -> None:
    secret = signing.new_secret()
    body = '{"type":"customer.created","data":{"name":"Zoë 🍊"}}'.encode()
    headers = signing.headers([secret], "evt_01", int(datetime.now(UTC).timestamp()), body)

    verifier(secret).verify(body, headers)
    for edited in (body + b" ", body.replace(b"created", b"deleted")):
        with pytest.raises(refusal):
            verifier(secret).verify(edited, headers)
    for name, value in (
        ("webhook-id", "evt_02"),
        ("webhook-timestamp", str(int(headers["webhook-timestamp"]) + 1)),
        ("webhook-signature", signing.sign(signing.new_secret(), "evt_01", 1, body)),
    ):
        with pytest.raises(refusal):
            verifier(secret).verify(body, {**headers, name: value})


@pytest.mark.parametrize(("verifier", "refusal"), VERIFIERS)
def test_during_an_overlap_both_secrets_verify(verifier: Any, refusal: Any) -> None:
    old, new, strange = (signing.new_secret() for _ in range(3))
    headers = signing.headers([new, old], "evt_01", int(datetime.now(UTC).timestamp()), b"{}")

    verifier(new).verify(b"{}", headers)
    verifier(old).verify(b"{}", headers)
    with pytest.raises(refusal):
        verifier(strange).verify(b"{}", headers)


@given(st.binary(min_size=24, max_size=64), st.binary(max_size=200), st.integers(0, 2**33))
def test_signatures_match_the_reference_implementation(key: Any, body: Any, timestamp: Any) -> None:
    secret = signing.SECRET_PREFIX + base64.b64encode(key).decode()
    text = body.decode("latin-1")

    reference = standardwebhooks.Webhook(secret).sign("evt_1", datetime.fromtimestamp(timestamp, UTC), text)

    assert signing.sign(secret, "evt_1", timestamp, text.encode()) == reference


def test_new_secrets_differ_and_hold_32_bytes() -> None:
    secrets = {signing.new_secret() for _ in range(100)}

    assert len(secrets) == 100
    assert {len(signing.secret_bytes(secret)) for secret in secrets} == {32}


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "abc", "whsec_!!!!", "whsec_" + "A" * 31, "whsec_AAAA", "whsec_" + "A" * 92]
)
def test_malformed_secrets_are_refused(secret: str) -> None:
    with pytest.raises(signing.InvalidSecretError):
        signing.secret_bytes(secret)
