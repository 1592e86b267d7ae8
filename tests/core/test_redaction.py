"""Redaction keeps business terms, and removes credentials however they are wrapped."""

import base64
import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikeys.keys import generate
from core.values import redaction
from core.values.redaction import REDACTED, redact, redact_text
from tests.engines import ROOT

SHORTENING = ROOT / "core/static/pomelo/js/secrets.js"
WORDS = ["Basic", "Bearer", "Consulting", "basic", "bearer", "Holdings", "International", "pm_live_", "whsec_", "token", "GmbH & Co. KG", "2026", "100 %", "Straße", "pm_test_AbCd1234…wxyz", "Basics", "Müller", "%41", "secret"]  # fmt: skip
SECRETS = st.sampled_from(["live", "test"]).map(lambda mode: generate(mode).text)
AROUND = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="%"), max_size=20).filter(
    lambda text: not re.search(r"[0-9A-Za-z_]$|^[0-9A-Za-z]", text)
)


def basic(secret: str) -> str:
    return "Basic " + base64.b64encode(f"key_01:{secret}".encode()).decode()


WRAPPINGS = st.sampled_from([lambda secret: secret, lambda secret: f"Bearer {secret}", basic])


@given(st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join))
def test_business_terms_are_not_redacted(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize("beginning", redaction._SECRETS)
def test_every_kind_of_secret_is_found_without_context(beginning: str) -> None:
    assert redact_text(f"/v1/x {beginning}{'aB3' * 12} y") == f"/v1/x {REDACTED} y"


@pytest.mark.parametrize("beginning", redaction._SECRETS)
def test_pages_shorten_every_kind_of_secret_before_it_gets_into_a_url(beginning: str) -> None:
    """In the browser, because the request log would be too late: proxies have logs of their own."""
    text = f"{beginning}{'aB3' * 12}"
    for pattern, shown in re.findall(r'^  \[/(.+)/g, "(.+)"\],$', SHORTENING.read_text(), re.MULTILINE):
        text = re.sub(pattern.replace("/", "\\/"), re.sub(r"\$(\d)", r"\\\1", shown), text)

    assert "…" in text
    assert text == redact_text(text)


@pytest.mark.parametrize(
    "text", ["Bearer rk_live_aB3dE5gH9k", "Bearer pm_live_aB3dE5gH9kL2", "Bearer whsec_aB3dE5gH9kL2"]
)
def test_part_of_a_secret_that_pages_do_not_show_is_a_token(text: str) -> None:
    assert redact_text(text) == REDACTED


@pytest.mark.parametrize("end", ["", ".", "…wxYz.", "...w9Yz", "/", "="])
def test_part_of_a_secret_that_pages_show_stays(end: str) -> None:
    text = f"Bearer pm_live_aB3dE5gH{end}"
    assert redact_text(text) == text


@given(SECRETS, WRAPPINGS, AROUND, AROUND, st.integers(0, 4))
def test_wrapped_credentials_are_redacted(
    secret: Any, wrap: Any, before: Any, after: Any, layers: Any
) -> None:
    wrapped = wrap(secret)
    text = f"{before} {wrapped} {after}"
    for _ in range(layers):
        text = quote(text, safe="/" if layers % 2 else "")

    found = redact_text(text)

    assert REDACTED in found
    assert secret[8:24] not in found
    assert wrapped[-24:] not in found


@given(SECRETS, st.integers(24, 38))
def test_truncated_secret_is_still_redacted(secret: str, kept: int) -> None:
    assert redact_text(f"/v1/{secret[: 8 + kept]}") == f"/v1/{REDACTED}"


@given(
    st.recursive(
        st.sampled_from(WORDS), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(WORDS), inner)
    )
)
def test_containers_keep_their_keys_and_plain_values(value: object) -> None:
    assert redact(value) == value


@pytest.mark.parametrize(
    "text",
    [
        "Basic Consulting", "Basic Consulting2026", "Bearer International Holdings", "Basic instinct", "bearer bonds",
        "Basic " + "x" * 40, "Bearer Consulting2026GmbH", "Basic QWxhZGRpbg==", "100%25", "a%20b", "%", "%zz",
    ],
)  # fmt: skip
def test_text_that_is_not_a_credential_is_kept(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Basic dXNlcjpwYXNz", "basic dXNlcjpwYXNz", "Basic+dXNlcjpwYXNz", "Authorization: Basic dXNlcjpwYXM=", "Basic dXNlcjpwYXM",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "Bearer " + "9f8A7b6c5D4e3F2a", "curl Bearer%20aB3dE5gH7jK9mN1pQ3",
        "Basic%2520dXNlcjpwYXNz", "whsec_" + "aB3d" * 8, "%" + "25" * 20 + "41",
    ],
)  # fmt: skip
def test_credentials_are_redacted(text: str) -> None:
    assert REDACTED in redact_text(text)


def test_credentials_are_redacted_and_words_kept_whatever_the_field_name() -> None:
    secret = generate("live").text
    assert redact({"token": "gold", "note": ["", secret], secret: 1}) == {
        "token": "gold",
        "note": ["", REDACTED],
        REDACTED: 1,
    }
