"""Names and subjects arrive unchanged, in headers within the limits of RFC 2047 and 5322."""

import re
import uuid
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import default
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.tenancy import Tenant
from core.values.email_addresses import Mailbox, is_misleading
from core.values.texts import has_controls, is_visible, normalize
from messaging.attachments import Attachment
from messaging.custom_headers import clean_header
from messaging.providers.base import Envelope, Target
from messaging.providers.mime import compose
from tests.factories import World
from tests.messaging.conftest import deliver
from tests.messaging.smtp import Mailhost

COMPANY = uuid.UUID(int=1)
TEXTS = (
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=200)
    | st.sampled_from(["Müller, Jörg", "=?utf-8?q?x?=", 'Ada "the" Countess', "a\\", "O'Neil (CEO)", "李" * 60, "x" * 200, "ß K", "a, b <c at d.e>"])
).map(lambda text: normalize(text).strip()).filter(lambda text: is_visible(text) and not has_controls(text) and len(text) <= 200 and not is_misleading(text, address="a@example.com"))  # fmt: skip


def write(names: list[str], subject: str, sender: str = "") -> bytes:
    targets = tuple(Target(uuid.uuid4(), f"a{n}@example.com", name) for n, name in enumerate(names))
    envelope = Envelope(
        message_id=uuid.UUID(int=2),
        tenant=Tenant(COMPANY, "live"),
        channel="email",
        sender=str(Mailbox("shop@example.com", sender)),
        targets=targets,
        shown=targets,
        subject=subject,
        text="Hi",
    )
    return compose(envelope)


def test_long_header_with_spaces_folds_without_blank_lines() -> None:
    value = clean_header("Organization", "a" * 60 + "   " + "b" * 60 + " c")[1]
    target = Target(uuid.uuid4(), "a@example.com", "")
    envelope = Envelope(
        message_id=uuid.UUID(int=2),
        tenant=Tenant(COMPANY, "live"),
        channel="email",
        sender="shop@example.com",
        targets=(target,),
        shown=(target,),
        subject="Hi",
        text="Hi",
        headers={"Organization": value},
    )

    head = compose(envelope).partition(b"\r\n\r\n")[0].decode("ascii")

    assert all(line.strip() for line in head.split("\r\n"))
    assert message_from_bytes(head.encode("ascii"), policy=default)["Organization"] == value


def read_names(value: str) -> list[tuple[str, str]]:
    """Parse an address header per RFC 5322 and RFC 2047: commas and quotes first, then the encoded words."""
    found = re.findall(r'(?:("(?:[^"\\]|\\.)*"|[^",<>]*)\s*<([^<>]*)>|([^",<>]+))(?:,\s*|$)', value)
    names = []
    for name, address, bare in found:
        name = name.strip()
        if name.startswith('"'):
            name = re.sub(r"\\(.)", r"\1", name[1:-1])
        elif name:
            name = str(make_header(decode_header(name)))
        names.append((name, address or bare.strip()))
    return names


@given(st.lists(TEXTS, min_size=1, max_size=5), TEXTS)
def test_names_and_subjects_arrive_as_they_were_written(names: list[str], subject: str) -> None:
    raw = write(names, subject, sender=names[0])
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii")
    fields = dict(line.split(": ", 1) for line in head.replace("\r\n ", " ").split("\r\n"))

    assert read_names(fields["To"]) == [(name, f"a{n}@example.com") for n, name in enumerate(names)]
    assert read_names(fields["From"]) == [(names[0], "shop@example.com")]
    assert str(make_header(decode_header(fields["Subject"]))) == subject


@given(st.lists(TEXTS, min_size=1, max_size=5), TEXTS)
def test_header_lines_and_encoded_words_respect_length_limits(names: list[str], subject: str) -> None:
    head = write(names, subject).partition(b"\r\n\r\n")[0]

    for line in head.split(b"\r\n"):
        words = re.findall(rb"=\?[^ ?]+\?[bqBQ]\?[^ ?]*\?=", line)
        assert all(len(word) <= 75 for word in words)
        assert len(line) <= (76 if words and b'"' not in line else 998)


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_python_parses_every_formatted_address(names: list[str]) -> None:
    read = message_from_bytes(write(names, "Hello"), policy=default)

    assert [address.addr_spec for address in read["To"].addresses] == [
        f"a{n}@example.com" for n in range(len(names))
    ]


LINES = st.sampled_from(["", " ", ".", "From me", "a=b", "x" * 78, "x" * 79, "word " * 40, "Grüße", "ü" * 300, "\t", "end ", "--=_msg", "\x0b", "李"])  # fmt: skip
BODIES = st.lists(LINES, max_size=30).flatmap(
    lambda lines: st.sampled_from(["\n", "\r\n", "\r"]).map(lambda end: end.join(lines))
)


@given(text=BODIES, html=BODIES, files=st.integers(0, 2))
def test_bodies_arrive_as_they_were_written_in_seven_bits(text: str, html: str, files: int) -> None:
    attachments = tuple(
        Attachment(f"Anhänge {n}.csv", "text/csv", f"ä;{n}\n".encode() * 100) for n in range(files)
    )
    envelope = Envelope(
        message_id=uuid.UUID(int=2), tenant=Tenant(COMPANY, "live"), channel="email", sender="a@example.com",
        targets=(), subject="ü", text=text, html=html, attachments=attachments,
    )  # fmt: skip
    raw = compose(envelope)
    read = message_from_bytes(raw, policy=default)
    leaves = [part for part in read.walk() if not part.is_multipart()]

    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    assert not read.defects
    assert not any(part.defects for part in read.walk())
    written = [("plain", text)] if text or not html else []
    written += [("html", html)] if html else []
    assert [
        (part.get_content_subtype(), part.get_content().encode().splitlines())
        for part in leaves[: len(written)]
    ] == [(subtype, body.encode().splitlines()) for subtype, body in written]
    assert [
        (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
        for part in leaves[len(written) :]
    ] == [(file.filename, file.content_type, file.content) for file in attachments]
    assert compose(envelope) == raw


# --- headers that callers set ----------------------------------------------------------------------------------------------


@pytest.fixture
def client(world: World, issue_key: Any, api: Any) -> Any:
    return api(issue_key(world.company, scopes=["messaging:send"], rate_limit=600).client_secret)


EMAIL = {"channel": "email", "to": ["ada@example.com"], "subject": "Hello", "text": "Hi"}
SET = {
    "in-reply-to": "<msg_1@example.com>",
    "References": " ".join(f"<msg_{n:030}@example.com>" for n in range(15)),
    "Auto-Submitted": "auto-generated",
    "Feedback-ID": "spring:acme",
    "X-Entity-Ref-ID": "x" * 900,
}


def test_allowed_headers_arrive_unchanged(client: Any, mailhost: Mailhost) -> None:
    answer = client.post("/v1/messages", {**EMAIL, "headers": SET})
    deliver()

    [received] = mailhost.received
    assert answer.json["headers"] == {
        "In-Reply-To": SET["in-reply-to"],
        **{name: SET[name] for name in list(SET)[1:]},
    }
    mail = message_from_bytes(received.raw)
    assert {name: " ".join(mail[name].split()) for name in SET} == SET
    assert max(len(line) for line in received.raw.split(b"\r\n")) < 998
    assert mail["From"].endswith("<no-reply@acme.example>")


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        *((name, "x", "header_not_allowed") for name in ("From", "To", "Bcc", "Sender", "Reply-To", "Subject", "Date", "Message-ID")),
        *((name, "x", "header_not_allowed") for name in ("DKIM-Signature", "List-Unsubscribe", "Return-Path", "Received", "MIME-Version")),
        *((name, "x", "header_not_allowed") for name in ("Content-Type", "X-Any", "X-Priority: 1\r\nBcc", "", " Importance")),
        ("Importance", "urgent", "invalid_header"),
        ("In-Reply-To", "msg@example.com", "invalid_header"),
        ("In-Reply-To", "<a@b> <c@d>", "invalid_header"),
        *(("X-Entity-Ref-ID", value, "invalid_header") for value in ("a\r\nBcc: eve@example.com", "a\n b", "ä", " a", "a\x00".replace("\x00", "\x7f"))),
        ("X-Entity-Ref-ID", "", "blank"),
        ("X-Entity-Ref-ID", "x" * 901, None),
    ],
)  # fmt: skip
def test_other_headers_are_refused_by_name(client: Any, name: str, value: str, code: str | None) -> None:
    answer = client.post("/v1/messages", {**EMAIL, "headers": {name: value}})

    assert answer.status == 400, answer
    problems = answer.json["error"]["fields"]
    assert all(one["field"].startswith("headers") for one in problems)
    assert code is None or code in [one["code"] for one in problems]


def test_sms_has_no_headers_and_duplicate_headers_are_refused(client: Any) -> None:
    twice = {"headers": {"Importance": "high", "importance": "low"}}
    sms = {"channel": "sms", "to": ["+4930123456"], "text": "Hi", "headers": {"Importance": "high"}}

    [problem] = client.post("/v1/messages", EMAIL | twice).json["error"]["fields"]
    assert (problem["field"], problem["code"]) == ("headers.importance", "duplicate")
    [problem] = client.post("/v1/messages", sms).json["error"]["fields"]
    assert (problem["field"], problem["code"]) == ("headers", "not_supported")
