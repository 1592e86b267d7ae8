"""Resources a key leaves behind in this app (core.security.made_by): endpoints, which outlive the key."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet
from django.urls import reverse

from core.principal import Principal
from core.security.made_by import LISTED, Made
from webhooks.models import Endpoint
from webhooks.selectors import list_endpoints
from webhooks.services.endpoints import update_endpoint


class Endpoints:
    """Endpoints that a key created, or was the last to change."""

    title = "Webhook endpoints it made or changed"

    def find(self, *, key_id: str, since: datetime) -> list[Made]:
        """Return the enabled ones."""
        return [
            Made(
                id=row.public_id,
                label=row.url,
                state="made" if row.created_by == key_id else "changed",
                moment=row.updated,
                path=reverse("webhooks:detail", args=[row.public_id]),
            )
            for row in self._rows(key_id, since).order_by("-id")[:LISTED]
        ]

    def switch_off(self, *, key_id: str, since: datetime, actor: Principal) -> int:
        """Disable them. Their pending deliveries are kept."""
        rows = list(self._rows(key_id, since).order_by("id"))
        for row in rows:
            update_endpoint(endpoint=row, actor=actor, enabled=False)
        return len(rows)

    def _rows(self, key_id: str, since: datetime) -> QuerySet[Endpoint]:
        made = Q(created_by=key_id, created__gte=since)
        changed = Q(changed_by=key_id, updated__gte=since)
        return list_endpoints().filter(made | changed, enabled=True)
