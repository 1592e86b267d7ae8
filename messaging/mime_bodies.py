"""The parts of an email below its headers (RFC 2045, RFC 2046): texts, alternatives, attachments.

Implemented here because Python's `email.message` parses every header it is given and encodes in Python, which took two thirds of
the time to compose an email, and several times as much for long lines. It is still used for attachments, which are rarer.
"""

import base64
import binascii
from collections.abc import Sequence
from email.message import MIMEPart
from email.policy import SMTP

from messaging.attachments import Attachment

# 7-bit, for servers without 8BITMIME.
_POLICY = SMTP.clone(cte_type="7bit")
# Longer lines are encoded, although 998 characters are allowed, because servers on the way might break them.
_LINE = 78


def write_body(*, text: str, html: str, attachments: Sequence[Attachment], boundary: str) -> bytes:
    """Return the content headers, an empty line, and the content: 7-bit, with CRLF.

    `boundary`, the prefix of all boundaries, must not occur in either text.
    """
    texts = [_write_text(text, "plain")] if text or not html else []
    if html:
        texts.append(_write_text(html, "html"))
    body = texts[0] if len(texts) == 1 else _join("alternative", f"{boundary}.2", texts)
    if attachments:
        body = _join("mixed", f"{boundary}.1", [body, *map(_write_attachment, attachments)])
    return body


def _write_text(text: str, subtype: str) -> bytes:
    lines = text.encode().splitlines()
    content = b"".join(line + b"\r\n" for line in lines)
    if content.isascii() and max(map(len, lines), default=0) <= _LINE:
        encoding = b"7bit"
    else:
        encoding, quoted = b"quoted-printable", binascii.b2a_qp(content)
        if 3 * len(quoted) > 4 * len(content):
            encoding, quoted = b"base64", base64.encodebytes(content).replace(b"\n", b"\r\n")
        content = quoted
    return b'Content-Type: text/%b; charset="utf-8"\r\nContent-Transfer-Encoding: %b\r\n\r\n%b' % (
        subtype.encode("ascii"),
        encoding,
        content,
    )


def _write_attachment(attachment: Attachment) -> bytes:
    maintype, _, subtype = attachment.content_type.partition("/")
    part = MIMEPart(policy=_POLICY)
    part.set_content(
        attachment.content,
        maintype=maintype,
        subtype=subtype,
        disposition="attachment",
        filename=attachment.filename,
        params={"charset": "utf-8"} if maintype == "text" else None,
    )
    return part.as_bytes()


def _join(subtype: str, boundary: str, parts: Sequence[bytes]) -> bytes:
    between = b"\r\n--%b" % boundary.encode("ascii")
    head = f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n'.encode("ascii")
    return b"%b%b%b--\r\n" % (head, b"".join(b"%b\r\n%b" % (between, part) for part in parts), between)
