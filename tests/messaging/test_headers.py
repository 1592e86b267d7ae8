"""What people write in names and subjects arrives as they wrote it, in headers that keep the limits of RFC 2047 and 5322."""

import re
import uuid
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import default

from hypothesis import given
from hypothesis import strategies as st

from core.tenancy import Tenant
from core.values.email_addresses import Mailbox, is_misleading
from core.values.texts import has_controls, is_visible, normalize
from messaging.providers.base import Envelope, Target
from messaging.providers.mime import WIRE, compose

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
    return compose(envelope).as_bytes()


def read_names(value: str) -> list[tuple[str, str]]:
    """Read an address header as RFC 5322 and RFC 2047 say: commas and quotes first, then the encoded words."""
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
def test_no_line_and_no_word_is_longer_than_allowed(names: list[str], subject: str) -> None:
    head = write(names, subject).partition(b"\r\n\r\n")[0]

    for line in head.split(b"\r\n"):
        words = re.findall(rb"=\?[^ ?]+\?[bqBQ]\?[^ ?]*\?=", line)
        assert all(len(word) <= 75 for word in words)
        assert len(line) <= (76 if words and b'"' not in line else 998)


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_python_reads_as_many_addresses_as_were_written(names: list[str]) -> None:
    read = message_from_bytes(write(names, "Hello"), policy=default)

    assert [address.addr_spec for address in read["To"].addresses] == [
        f"a{n}@example.com" for n in range(len(names))
    ]


def test_bodies_are_seven_bits_whatever_they_hold() -> None:
    envelope = Envelope(
        message_id=uuid.UUID(int=2), tenant=Tenant(COMPANY, "live"), channel="email", sender="a@example.com",
        targets=(), subject="ü", text="ü" * 2_000, html="<p>ü</p>",
    )  # fmt: skip
    raw = compose(envelope).as_bytes(policy=WIRE)
    read = message_from_bytes(raw, policy=default)

    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert [part.get_content().strip() for part in read.iter_parts()] == ["ü" * 2_000, "<p>ü</p>"]
