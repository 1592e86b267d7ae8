"""A sending worker, to be killed: runs the task `messaging.send_due` repeatedly, as Celery does, in a forked process (tests.forked).

Leases are shortened, so that a test does not have to wait two minutes for the messages of a dead worker. Sends "ready" once it works.
"""

import time
from datetime import timedelta

from django.conf import settings

from messaging.services import claiming, sending
from tests.forked import Connection


def serve(connection: Connection, smtp_url: str, lease_seconds: float, concurrency: int) -> None:
    """Send until killed."""
    settings.MESSAGING_SMTP_URL = smtp_url
    settings.MESSAGING_PROVIDERS = {"email": "smtp", "sms": "file"}
    settings.MESSAGING_CONCURRENCY = concurrency
    claiming.LEASE = timedelta(seconds=lease_seconds)
    claiming.MARGIN_SECONDS = 0.5
    sending.CALL_SECONDS = 1  # type: ignore[attr-defined]
    connection.send("ready")
    while True:
        if not sending.send_due_messages(seconds=5):
            time.sleep(0.1)
