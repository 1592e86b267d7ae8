"""DKIM signatures, verified by dkimpy, which does not create them (RFC 6376)."""

from typing import Any

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging import signing

PRIVATE, PUBLIC = signing.new_key()
HEADERS = (
    b"From: Ada <ada@acme.example>\r\nTo: grace@example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"  and\tmore  \r\nDate: Mon, 01 Jun 2026 10:00:00 -0000\r\nMessage-ID: <msg_1@acme.example>\r\n"
)


def is_verified(mail: bytes) -> bool:
    return bool(dkim.verify(mail, dnsfunc=lambda name, timeout=5: signing.key_record(PUBLIC).encode()))


@given(
    domain=st.sampled_from(["acme.example", ".".join(["x" * 60] * 4)]),
    body=st.lists(st.sampled_from([b"", b" ", b"\t", b"Hello  Ada", b" b=x;", "Grüße".encode(), b"."])).map(
        b"\r\n".join
    ),
)
@settings(max_examples=60, deadline=None)
def test_every_email_has_a_dkim_signature_that_another_library_verifies(domain: Any, body: Any) -> None:
    signed = signing.sign(HEADERS + b"\r\n" + body, signing.Signer(domain, "pm1", PRIVATE))

    assert is_verified(signed)
    assert f"d={domain};".encode() in signed
    assert all(len(line) <= 78 for line in signed.partition(b"\r\nFrom:")[0].split(b"\r\n")[:1])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"hello", b"hullo"),
        (b"Subject: one", b"Subject: two"),
        (b"From: Ada", b"From: Eve <eve@example.com>\r\nFrom: Ada"),
        (b"From: Ada", b"Reply-To: eve@example.com\r\nFrom: Ada"),
    ],
)
def test_changes_in_transit_break_the_dkim_signature(before: bytes, after: bytes) -> None:
    mail = b"From: Ada <ada@acme.example>\r\nTo: grace@example.com\r\nSubject: one\r\n\r\nhello\r\n"
    signed = signing.sign(mail, signing.Signer("acme.example", "pm1", PRIVATE))
    assert is_verified(signed)

    assert not is_verified(signed.replace(before, after, 1))
