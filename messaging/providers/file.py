"""For local use: every message becomes a file below `DATA_DIR/outbox`, which the mailbox page of the dashboard shows."""

import os
import tempfile
from pathlib import Path
from typing import ClassVar

from django.conf import settings

from core import ids
from core.tenancy import Tenant
from messaging.channels import get_channel
from messaging.providers.base import Envelope, Result, same_for_all
from messaging.providers.mime import compose


def mailbox_folder(tenant: Tenant) -> Path:
    """Return the folder that holds what `tenant` has sent by file."""
    return Path(settings.DATA_DIR) / "outbox" / ids.encode("co", tenant.company_id) / tenant.mode


class FileProvider:
    """The provider `file`."""

    name: ClassVar[str] = "file"

    def send(self, envelope: Envelope) -> list[Result]:
        """Write the message down; a retry overwrites its own file."""
        if get_channel(envelope.channel).together:
            name, content = f"{envelope.public_id}.eml", compose(envelope).message().as_bytes()
        else:
            target = envelope.targets[0]
            name = f"{envelope.public_id}.{target.address.lstrip('+')}.txt"
            content = f"From: {envelope.sender}\nTo: {target.address}\n\n{envelope.text}\n".encode()
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


PROVIDER = FileProvider
