"""For local use: writes messages to files in `DATA_DIR/outbox`, which the dashboard's mailbox page shows."""

import email
import email.policy
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.core.checks import CheckMessage

from core.errors import NotFound
from core.tenancy import Tenant
from core.values import ids
from messaging.channels import get_channel, label_of
from messaging.providers.base import Envelope, Result, Target, same_for_all
from messaging.providers.mime import compose

# The names of mailbox files, so that no other file can be requested.
_NAME = re.compile(r"msg_[0-9a-z]{26}(\.[0-9]{3,15})?\.(eml|txt)")

_CHANNEL = "X-Channel"  # the title of a file without a subject


def mailbox_folder(tenant: Tenant) -> Path:
    """Return the mailbox folder of `tenant`."""
    return Path(settings.DATA_DIR) / "outbox" / ids.encode("co", tenant.company_id) / tenant.mode


def _write_down(envelope: Envelope, target: Target) -> bytes:
    """Return a message of a channel other than email in email format, which the mailbox page can parse."""
    message = EmailMessage()
    message["From"], message["To"] = envelope.sender, target.address
    message[_CHANNEL] = envelope.channel
    message.set_content(envelope.text)
    return message.as_bytes()


class FileProvider:
    """The provider `file`."""

    name: ClassVar[str] = "file"

    @staticmethod
    def carries(channel: str) -> bool:
        """Every channel."""
        return True

    @staticmethod
    def check_settings() -> Iterable[CheckMessage]:
        """It has none of its own."""
        return ()

    def send(self, envelope: Envelope) -> list[Result]:
        """Write the message to a file. A retry overwrites it."""
        if get_channel(envelope.channel).together:
            # Bulk email is one file per recipient.
            part = f".{envelope.targets[0].recipient_id.int % 10**15:015}" if envelope.unsubscribe_url else ""
            name, content = (
                f"{envelope.public_id}{part}.eml",
                compose(envelope).replace(b"\r\n", b"\n"),
            )
        else:
            target = envelope.targets[0]
            name = f"{envelope.public_id}.{target.address.lstrip('+')}.txt"
            content = _write_down(envelope, target)
        folder = mailbox_folder(envelope.tenant)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
                file.write(content)
            # Renamed when complete, so that the mailbox page never reads half a message.
            os.replace(file.name, folder / name)
        except OSError as error:
            return same_for_all(envelope, "deferred", code="file", detail=str(error))
        return same_for_all(envelope, "sent", provider_id=name)


@dataclass(frozen=True, slots=True)
class Mail:
    """A message in the mailbox."""

    name: str
    message_id: str
    written: datetime
    sender: str
    to: str
    subject: str
    channel: str
    text: str
    html: str
    attachments: list[str]
    source: str

    @property
    def title(self) -> str:
        """The title in the list."""
        return self.subject or label_of(self.channel)


def list_mailbox(tenant: Tenant, *, limit: int = 100) -> list[Mail]:
    """Return the messages in the mailbox of `tenant`, newest first."""
    return [_read(path) for path in _newest(mailbox_folder(tenant))[:limit]]


def read_mail(tenant: Tenant, name: str) -> Mail:
    """Return a message of the mailbox. Raises NotFound unless `name` is a file of this tenant."""
    path = mailbox_folder(tenant) / name
    if not _NAME.fullmatch(name) or not path.is_file():
        raise NotFound
    return _read(path)


def _newest(folder: Path) -> list[Path]:
    return sorted(_files(folder), key=lambda path: path.stat().st_mtime, reverse=True)


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def _read(path: Path) -> Mail:
    content = path.read_bytes()
    message = email.message_from_bytes(content, _class=EmailMessage, policy=email.policy.default)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    return Mail(
        name=path.name,
        message_id=path.name.partition(".")[0],
        written=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        sender=str(message["From"] or ""),
        to=", ".join(str(message[name]) for name in ("To", "Cc") if message[name]),
        subject=str(message["Subject"] or ""),
        channel=str(message[_CHANNEL] or "email"),
        text=text.get_content() if text else "",
        html=html.get_content() if html else "",
        attachments=[part.get_filename("?") for part in message.iter_attachments()],
        source=content.decode("utf-8", "replace"),
    )


PROVIDER = FileProvider
