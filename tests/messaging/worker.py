"""A sending worker process, to be killed: runs the task `messaging.send_due` repeatedly, as Celery does.

Leases are shortened (`WORKER_LEASE_SECONDS`), so that a test does not have to wait two minutes for the messages of a dead worker.
Prints "ready" once it works.
"""

import os
import sys
import time
from datetime import timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

import django

django.setup()

from django.conf import settings  # noqa: E402

from messaging.services import claiming, sending  # noqa: E402


def main() -> None:
    """Send until killed."""
    settings.MESSAGING_SMTP_URL = os.environ["WORKER_SMTP_URL"]
    settings.MESSAGING_PROVIDERS = {"email": "smtp", "sms": "file"}
    lease = os.environ.get("WORKER_LEASE_SECONDS")
    if lease:
        claiming.LEASE = timedelta(seconds=float(lease))
        claiming.MARGIN_SECONDS = 0.5
        sending.CALL_SECONDS = 1  # type: ignore[attr-defined]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        if not sending.send_due_messages(seconds=5):
            time.sleep(0.1)


if __name__ == "__main__":
    main()
