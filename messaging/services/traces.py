"""Objects that a key created in this app and that outlive it (core.security.made_by): messages waiting to be sent."""

from datetime import datetime

from django.db.models import QuerySet
from django.urls import reverse

from core.principal import Principal
from core.security.made_by import LISTED, Made
from messaging.models import Message, Status
from messaging.services.messages import MessageNotCancelable, cancel_message


class WaitingMessages:
    """Messages that a key has scheduled, or that no worker has claimed yet."""

    title = "Messages it has scheduled"

    def find(self, *, key_id: str, since: datetime) -> list[Made]:
        """Return the messages that are still to be sent."""
        return [
            Made(
                id=row.public_id,
                label=f"{row.channel} to {row.recipient_count}, due {row.send_at:%d %b %Y, %H:%M} UTC",
                state=row.status,
                moment=row.created,
                path=reverse("messaging:detail", args=[row.public_id]),
            )
            for row in self._rows(key_id, since).order_by("-id")[:LISTED]
        ]

    def switch_off(self, *, key_id: str, since: datetime, actor: Principal) -> int:
        """Cancel them, except for those that a worker is claiming concurrently."""
        canceled = 0
        for row in self._rows(key_id, since).order_by("id").iterator(chunk_size=500):
            try:
                cancel_message(message=row, actor=actor)
            except MessageNotCancelable:
                continue
            canceled += 1
        return canceled

    def _rows(self, key_id: str, since: datetime) -> QuerySet[Message]:
        waiting = (Status.QUEUED, Status.SCHEDULED)
        return Message.objects.filter(
            created_by=key_id, created__gte=since, status__in=waiting, due_at__isnull=False
        )
