"""Email attachments: refusals with their messages, and unchanged delivery by every provider."""

import html
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given
from hypothesis import strategies as st

from core.tenancy import tenant_context
from messaging.attachments import CONTENT_TYPES, MAX_BYTES, Attachment, find_problems
from messaging.models import Message, MessageAttachment
from messaging.providers.file import list_mailbox
from tests.clients import send_form, sign_in
from tests.factories import World
from tests.messaging.conftest import deliver, look
from tests.messaging.smtp import Mailhost
from tests.messaging.standins import postmark_api, stand_in
from tests.poison import reason_of

OFFICE = "application/vnd.openxmlformats-officedocument."


def package(*names: str) -> bytes:
    """Return a ZIP file with these empty entries."""
    written = BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        for name in names:
            file.writestr(name, "")
    return written.getvalue()


PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40
DOCX = package("[Content_Types].xml", "word/document.xml")
XLSX = package("[Content_Types].xml", "xl/workbook.xml")
FILES = [
    Attachment("invoice 7.pdf", "application/pdf", PDF),
    Attachment("Grüße.csv", "text/csv", "Straße;Ä\r\n1;2\r\n".encode()),
    Attachment("meeting.ics", "text/calendar", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"),
    Attachment("letter.docx", f"{OFFICE}wordprocessingml.document", DOCX),
    Attachment("logo.PNG", "image/png", b"\x89PNG\r\n\x1a\n" + b"\x00" * 100),
]


@pytest.fixture
def client(world: Any, issue_key: Any, api: Any) -> Any:
    return api(issue_key(world.company, scopes=["messaging:send", "messaging:read"]).client_secret)


def sent(file: Attachment) -> dict[str, str]:
    """Return a file as sent by a caller."""
    return {
        "filename": file.filename,
        "content_type": file.content_type,
        "content": b64encode(file.content).decode(),
    }


def body(*files: Any, **more: Any) -> dict[str, Any]:
    email = {
        "channel": "email",
        "to": ["ada@example.com"],
        "subject": "Hello",
        "text": "Hi",
        "html": "<p>Hi</p>",
    }
    return {**email, "attachments": [sent(f) if isinstance(f, Attachment) else f for f in files], **more}


def refusals(answer: Any) -> list[tuple[str, str]]:
    """Return field and code of every refusal; the caller checks that nothing was queued."""
    assert (answer.status, answer.json["error"]["code"]) == (400, "validation_failed"), answer
    return [(one["field"], one["code"]) for one in answer.json["error"]["fields"]]


def test_attachments_arrive_unchanged(world: World, client: Any, mailhost: Mailhost) -> None:
    answer = client.post("/v1/messages", body(*FILES))
    described = [
        {"filename": f.filename, "content_type": f.content_type, "size": len(f.content)} for f in FILES
    ]
    assert (answer.status, answer.json["attachments"]) == (201, described)

    deliver()

    [received] = mailhost.to("ada@example.com")
    parts = list(received.message.iter_attachments())
    assert [
        Attachment(part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
        for part in parts
    ] == FILES
    assert [part.get_content_charset() for part in parts] == [None, "utf-8", "utf-8", None, None]
    assert {part.get_content_disposition() for part in parts} == {"attachment"}
    assert received.message.get_body(("plain",)).get_content().strip() == "Hi"
    assert max(len(line) for line in received.raw.split(b"\r\n")) <= 998
    # and the content is not shown again
    shown = client.get(f"/v1/messages/{answer.json['id']}")
    assert (shown.json["status"], shown.json["attachments"]) == ("sent", described)
    assert sent(FILES[0])["content"][:40] not in shown.content.decode()
    [listed] = client.get("/v1/messages").json["data"]
    assert listed["attachments"] == described


def test_email_service_and_local_mailbox_get_the_same_files(world: World, client: Any, settings: Any) -> None:
    with stand_in(postmark_api) as service:
        settings.MESSAGING_PROVIDERS = {"email": "anymail"}
        settings.MESSAGING_ANYMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
        settings.ANYMAIL = {"POSTMARK_SERVER_TOKEN": "stand-in", "POSTMARK_API_URL": f"{service.url}/"}
        assert client.post("/v1/messages", body(*FILES)).status == 201
        deliver()
    [fields] = [f for _, f, _ in service.requests]
    assert [(a["Name"], b64decode(a["Content"])) for a in fields["Attachments"]] == [
        (f.filename, f.content) for f in FILES
    ]

    settings.MESSAGING_PROVIDERS = {"email": "file"}
    answer = client.post("/v1/messages", body(*FILES))
    deliver()

    [mail] = [one for one in list_mailbox(world.tenant()) if one.message_id == answer.json["id"]]
    assert (mail.attachments, mail.text.strip()) == ([f.filename for f in FILES], "Hi")


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ({"filename": "../invoice.pdf"}, "filename invalid_filename"),
        ({"filename": "C:invoice.pdf"}, "filename invalid_filename"),
        ({"filename": "a\r\nBcc: eve@example.com.pdf"}, "filename invalid_filename"),
        ({"filename": "invoice\u202efdp.pdf"}, "filename invalid_filename"),
        ({"filename": " invoice.pdf"}, "filename invalid_filename"),
        ({"filename": "invoice.exe"}, "filename wrong_extension"),
        ({"filename": "invoice.pdf.exe"}, "filename wrong_extension"),
        ({"filename": "invoice.exe.pdf"}, "filename wrong_extension"),
        ({"filename": "invoice"}, "filename wrong_extension"),
        ({"filename": ".pdf"}, "filename wrong_extension"),
        ({"filename": "invoice.png"}, "filename wrong_extension"),
        ({"filename": "x" * 151 + ".pdf"}, "filename max_length"),
        ({"content_type": "text/html"}, "content_type invalid_choice"),
        ({"content_type": "application/x-msdownload"}, "content_type invalid_choice"),
        ({"content": "MZ"}, "content invalid_base64"),
        ({"content": "JVBERi0\n="}, "content invalid_base64"),
        ({"content": b64encode(b"MZ\x90\x00").decode()}, "content wrong_content"),
        ({"content": ""}, "content blank"),
        ({"content": 7}, "content wrong_type"),
        ({"path": "/etc/passwd"}, "path unknown_field"),
    ],
)
def test_file_with_mismatched_type_is_refused_by_field(
    world: World, client: Any, file: dict[str, Any], code: str
) -> None:
    answer = client.post("/v1/messages", body(FILES[1], {**sent(FILES[0]), **file}))

    field, _, word = code.partition(" ")
    assert refusals(answer) == [(f"attachments.1.{field}", word)]
    with tenant_context(world.tenant()):
        assert (Message.objects.count(), MessageAttachment.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("content_type", "name", "content", "accepted"),
    [
        ("image/jpeg", "a.jpeg", b"\xff\xd8\xff\xe0", True),
        ("image/jpeg", "a.jpg", b"\x89PNG\r\n\x1a\n", False),
        ("image/gif", "a.gif", b"GIF89a", True),
        ("text/plain", "a.txt", "Grüße\t\r\n\f".encode(), True),
        ("text/plain", "a.txt", b"\xff\xfeG", False),
        ("text/csv", "a.csv", b"a;\x00", False),
        ("text/calendar", "a.ics", b"\xef\xbb\xbfBEGIN:VCALENDAR\r\n", True),
        ("text/calendar", "a.ics", b"Hello", False),
        (f"{OFFICE}spreadsheetml.sheet", "a.xlsx", XLSX, True),
        (f"{OFFICE}spreadsheetml.sheet", "a.xlsx", DOCX, False),
        (f"{OFFICE}spreadsheetml.sheet", "a.xlsx", XLSX[:-10], False),
        (
            f"{OFFICE}wordprocessingml.document",
            "a.docx",
            package("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
            False,
        ),
    ],
)
def test_attachment_bytes_must_match_the_type(
    content_type: str, name: str, content: Any, accepted: bool
) -> None:
    problems = find_problems([Attachment(name, content_type, content)])

    assert [(one.field, one.code) for one in problems] == (
        [] if accepted else [("attachments.0.content", "wrong_content")]
    )


@given(
    name=st.text(max_size=20),
    content_type=st.sampled_from(CONTENT_TYPES),
    content=st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda at, byte: DOCX[:at] + bytes([byte]) + DOCX[at + 1 :],
            st.integers(0, len(DOCX) - 1),
            st.integers(0, 255),
        ),
    ),
)
def test_arbitrary_attachments_are_accepted_or_refused_without_errors(
    name: Any, content_type: Any, content: Any
) -> None:
    for problem in find_problems([Attachment(name, content_type, content)]):
        assert problem.field in ("attachments.0.filename", "attachments.0.content")


def test_attachments_are_limited_to_five_named_files_and_1_5_mb(
    world: World, client: Any, mailhost: Mailhost
) -> None:
    pdf = FILES[0]
    assert refusals(client.post("/v1/messages", body(*[pdf] * 6))) == [("attachments", "max_length")]
    twice = Attachment("INVOICE 7.PDF", pdf.content_type, pdf.content)
    assert refusals(client.post("/v1/messages", body(pdf, twice))) == [
        ("attachments.1.filename", "duplicate")
    ]
    large = Attachment("large.pdf", "application/pdf", PDF.ljust(MAX_BYTES, b"\x00"))
    assert refusals(client.post("/v1/messages", body(large, FILES[1]))) == [("attachments", "too_large")]

    assert client.post("/v1/messages", body(large)).status == 201
    deliver()

    [received] = mailhost.to("ada@example.com")
    [part] = received.message.iter_attachments()
    assert part.get_payload(decode=True) == large.content
    # Other operations keep their limits.
    tall = client.post("/v1/messages/batch", {"channel": "email", "recipients": [], "text": "x" * 1_100_000})
    assert (tall.status, tall.json["error"]["code"]) == (413, "body_too_large")


def test_sms_and_batches_have_no_attachments(world: World, client: Any) -> None:
    sms = {"channel": "sms", "to": ["+4915112345678"], "text": "Hi", "attachments": [sent(FILES[0])]}
    assert ("attachments", "not_supported") in refusals(client.post("/v1/messages", sms))
    batch = {"channel": "email", "subject": "Hello", "text": "Hi", "recipients": [{"to": "ada@example.com"}]}
    answer = client.post("/v1/messages/batch", {**batch, "attachments": [sent(FILES[0])]})
    assert refusals(answer) == [("attachments", "unknown_field")]


def test_each_recipient_of_bulk_mail_gets_the_files(
    world: World, queue: Callable[..., Message], mailhost: Mailhost
) -> None:
    queue(world.tenant(), "ada@example.com", "bob@example.com", bulk={"topic": "news"}, attachments=FILES[:2])

    deliver()

    for address in ("ada@example.com", "bob@example.com"):
        [received] = mailhost.to(address)
        assert [part.get_filename() for part in received.message.iter_attachments()] == [
            "invoice 7.pdf",
            "Grüße.csv",
        ]


def test_message_with_missing_attachment_bytes_waits_and_others_are_sent(
    world: World, queue: Callable[..., Message], mailhost: Mailhost
) -> None:
    bad = queue(world.tenant(), "bad@example.com", attachments=FILES[:2])
    with tenant_context(world.tenant()):
        MessageAttachment.objects.filter(message=bad, position=1).delete()
    good = queue(world.tenant(), "good@example.com", attachments=FILES[:1])

    deliver()

    row, recipients = look(bad)
    assert (recipients["bad@example.com"].status, row.due_at is not None) == ("queued", True)
    assert mailhost.to("bad@example.com") == []
    assert "zip()" in reason_of("messaging.send_due", bad.public_id)
    assert look(good)[0].status == "sent"


COMPOSED = {"channel": "email", "to": "ada@example.com", "subject": "Hello", "text": "Hi"}


def uploaded(*files: Attachment) -> list[SimpleUploadedFile]:
    """Return files as uploaded by a browser that knows none of their types."""
    return [SimpleUploadedFile(file.filename, file.content, "application/octet-stream") for file in files]


def test_files_selected_on_the_page_are_attached(world: World, mailhost: Mailhost) -> None:
    sent_form = send_form(
        sign_in(world.teammate), "/messages/new/", {**COMPOSED, "attachments": uploaded(*FILES)}
    )
    assert sent_form.status_code == 302, sent_form.content

    deliver()

    [received] = mailhost.to("ada@example.com")
    assert [
        Attachment(part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
        for part in received.message.iter_attachments()
    ] == FILES


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([Attachment("tool.exe", "", b"MZ")], "File 1: Only these types are accepted"),
        ([FILES[0], Attachment("photo.png", "", b"GIF89a")], "File 2: This is not a file of the type image/png"),
        ([FILES[0]] * 2, "File 2: Another attachment of the message has this name."),
        ([Attachment("empty.txt", "", b"")], "The submitted file is empty."),
        ([Attachment(f"{n}.txt", "", b"x") for n in range(6)], "A message has at most 5 attachments."),
    ],
)  # fmt: skip
def test_page_names_the_refused_file_and_queues_nothing(world: World, files: Any, words: str) -> None:
    answer = send_form(
        sign_in(world.teammate), "/messages/new/", {**COMPOSED, "attachments": uploaded(*files)}
    )

    assert answer.status_code == 400
    assert words in html.unescape(answer.content.decode())
    with tenant_context(world.tenant()):
        assert not Message.objects.exists()
