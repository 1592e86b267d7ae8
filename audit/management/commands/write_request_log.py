"""`manage.py write_request_log`: a dedicated writer, for more requests than the Celery worker should handle."""

import signal
import time
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from audit.ingest.body_writer import BodyWriter
from audit.ingest.writer import Writer
from core.background.loops import FAILURES, BackOff

IDLE_SECONDS = 0.2

log = structlog.get_logger("pomelo.audit")


class Command(BaseCommand):
    """Writes logged requests until SIGTERM or Ctrl-C; several may run."""

    help = "Write the request log from the stream into PostgreSQL until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the option for an upgrade step that needs an operator's decision."""
        parser.add_argument(
            "--adopt-unsealed",
            action="store_true",
            help="Store what a release before sealed batches left in Valkey, and end. Nothing proves who wrote it.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until stopped. Claimed batches that were not written are redelivered."""
        if options["adopt_unsealed"]:
            self.stdout.write(f"{Writer().adopt_unsealed()} requests adopted.")
            return
        is_over = False

        def stop(*_: Any) -> None:
            nonlocal is_over
            is_over = True

        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, stop)
        writer, body_writer, back_off = Writer(), BodyWriter(), BackOff()
        while not is_over:
            try:
                written = writer.drain(seconds=60, stop=lambda: is_over)
                written += body_writer.drain(seconds=10, stop=lambda: is_over)
            except Exception:  # keep running: requests continue to be logged and must be written
                FAILURES.labels("write-request-log").inc()
                log.exception("request_log_writer_failed")
                connection.close()
                time.sleep(back_off.next())
            else:
                back_off.reset()
                if written == 0:
                    time.sleep(IDLE_SECONDS)
