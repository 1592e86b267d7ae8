"""The backlog limit on RabbitMQ: without workers, hints stop being added (core.background.backlog)."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from kombu import Connection

from core.background.backlog import MOST_WAITING
from tests.cluster.brokers import rabbitmq, rabbitmq_version
from tests.engines import ROOT

# A web process that enqueues five times the backlog limit.
SEND = f"""
import time, django
django.setup()
from core.background import jobs
for second in range(5):
    for _ in range({MOST_WAITING}):
        jobs.enqueue("tests.nobody_takes_it")
    time.sleep(1.1)
"""


def send(url: str) -> None:
    environment = os.environ | {"CELERY_BROKER_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings.test"}
    subprocess.run([sys.executable, "-c", SEND], cwd=ROOT, env=environment, check=True)


def test_hints_do_not_accumulate_in_rabbitmq_and_are_resent_when_consumed(tmp_path: Path, seen: Any) -> None:
    version = rabbitmq_version()
    if not version:
        pytest.skip("not installed: rabbitmq-server")
    with rabbitmq(tmp_path / "rabbitmq") as url, Connection(url) as connection:
        queue = current_app.amqp.queues[current_app.conf.task_default_queue](connection.default_channel)

        def waiting() -> int:
            return int(queue.queue_declare().message_count)

        # when there is no worker
        send(url)
        first = waiting()
        send(url)
        second = waiting()
        # then each new process may miss at most one check of the broker
        assert MOST_WAITING <= first <= 2 * MOST_WAITING
        assert first <= second <= first + 1

        # when a worker takes them
        queue.purge()
        send(url)
        # then they are sent again
        assert MOST_WAITING <= waiting() <= 2 * MOST_WAITING
    seen(
        f"RabbitMQ {version}, no worker",
        f"10,000 hints sent, {second:,} waited; sent again once they were taken",
    )
