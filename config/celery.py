"""The Celery application: queues and the beat schedule, in code."""

import os

from celery import Celery
from celery.signals import worker_init

from config import heartbeat

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

app = Celery("pomelo", fixups=["config.worker_database:fixup"])
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
heartbeat.install(app)
app.conf.beat_schedule = {
    "apikeys.evaluate_reports": {
        "task": "apikeys.evaluate_reports",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "apikeys.notify_expiry": {"task": "apikeys.notify_expiry", "schedule": 600.0},
    "apikeys.remind_rotation": {"task": "apikeys.remind_rotation", "schedule": 3600.0},
    "apikeys.repeat_fences": {
        "task": "apikeys.repeat_fences",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "audit.keep_partitions": {"task": "audit.keep_partitions", "schedule": 3600.0},
    "audit.prune": {"task": "audit.prune", "schedule": 3600.0},
    "audit.prune_bodies": {"task": "audit.prune_bodies", "schedule": 600.0},
    "audit.seal": {"task": "audit.seal", "schedule": 60.0, "options": {"expires": 60.0}},
    "audit.write_bodies": {"task": "audit.write_bodies", "schedule": 1.0, "options": {"expires": 1.0}},
    "audit.write_requests": {"task": "audit.write_requests", "schedule": 1.0, "options": {"expires": 1.0}},
    "billing.complete_payments": {
        "task": "billing.complete_payments",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "billing.detect_overdue": {"task": "billing.detect_overdue", "schedule": 600.0},
    "core.prune_idempotency_keys": {"task": "core.prune_idempotency_keys", "schedule": 600.0},
    "core.prune_sessions": {"task": "core.prune_sessions", "schedule": 3600.0},
    "core.prune_set_aside": {"task": "core.prune_set_aside", "schedule": 3600.0},
    "core.send_mail": {"task": "core.send_mail", "schedule": 10.0, "options": {"expires": 10.0}},
    "messaging.fetch_prices": {
        "task": "messaging.fetch_prices",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "messaging.check_domains": {
        "task": "messaging.check_domains",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "messaging.evaluate_reputations": {
        "task": "messaging.evaluate_reputations",
        "schedule": 300.0,
        "options": {"expires": 300.0},
    },
    "messaging.send_due": {"task": "messaging.send_due", "schedule": 5.0, "options": {"expires": 5.0}},
    "messaging.fold_statistics": {
        "task": "messaging.fold_statistics",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "messaging.prune": {"task": "messaging.prune", "schedule": 3600.0},
    "webhooks.prune": {"task": "webhooks.prune", "schedule": 3600.0},
    "webhooks.send_notices": {
        "task": "webhooks.send_notices",
        "schedule": 30.0,
        "options": {"expires": 30.0},
    },
    "webhooks.sweep": {"task": "webhooks.sweep", "schedule": 5.0, "options": {"expires": 5.0}},
}


@worker_init.connect
def _refuse_wrong_database_role(**kwargs: object) -> None:
    # Needs the settings, which Celery has loaded by now.
    from django.db import connection

    from config import worker_metrics
    from core.postgres.database_role import refuse_wrong_database_role

    worker_metrics.install()
    refuse_wrong_database_role()
    # The pool's processes are forked from this one and must not inherit its sockets.
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's wrapper has it
