"""Writers that retry each customer until it is accepted, and a receiver that fails one in ten deliveries."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections import Counter
from http.server import BaseHTTPRequestHandler

import standardwebhooks
import urllib3

from tests.serving import Served
from tests.threads import Repeated
from tests.webhooks.receiver import Server


class FlakyReceiver(Served):
    """Verifies every delivery. `accepted` counts accepted ones by event ID, `first` is the time of the first."""

    def __init__(self, failing: float = 0.1) -> None:
        self.secret = ""
        self.accepted: Counter[str] = Counter()
        self.subjects: dict[str, str] = {}
        self.first: dict[str, float] = {}
        self.refused = 0
        self.forged = 0
        self._guard = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = outer.take(body, {k.lower(): v for k, v in self.headers.items()}, failing)
                if status == 0:  # a receiver that crashes in the middle of a response
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def take(self, body: bytes, headers: dict[str, str], failing: float) -> int:
        try:
            payload = standardwebhooks.Webhook(self.secret).verify(body, headers)
        except standardwebhooks.WebhookVerificationError:
            self.forged += 1
            return 400
        if random.random() < failing:
            self.refused += 1
            return random.choice([500, 503, 429, 0])
        with self._guard:
            self.accepted[headers["webhook-id"]] += 1
            self.subjects[headers["webhook-id"]] = payload["data"]["object"]["id"]
            self.first.setdefault(payload["data"]["object"]["id"], time.monotonic())
        return 200


class Writers(Repeated):
    """Threads that POST customers, each with an Idempotency-Key that is retried until there is a definitive response.

    With several servers, each attempt goes to a random one.
    """

    def __init__(self, *urls: str, key: str, threads: int = 3, per_second: float = 10.0) -> None:
        self.accepted: dict[str, float] = {}
        self.repeats = 0
        self.statuses: Counter[int] = Counter()  # of every attempt; 0 without a response
        self.surprises: list[str] = []
        self._urls = [f"{url}/v1/customers" for url in urls]
        self._key, self._pause = key, 1 / per_second
        super().__init__(*[self._write] * threads)

    def stop(self, *, at_least: int = 0, patience_seconds: float = 90.0) -> None:
        """Continue until `at_least` writes have been accepted, then finish all started requests."""
        deadline = time.monotonic() + patience_seconds
        while len(self.accepted) < at_least and time.monotonic() < deadline:
            time.sleep(0.1)
        super().stop()

    def _write(self) -> None:
        pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=2, read=10))
        while not self._stopping.is_set():
            key, body = uuid.uuid4().hex, json.dumps({"name": f"Customer {uuid.uuid4()}"})
            while not self._once(pool, key, body):
                self.repeats += 1
                time.sleep(0.1)
            time.sleep(self._pause)

    def _once(self, pool: urllib3.PoolManager, key: str, body: str) -> bool:
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Idempotency-Key": key,
            "Content-Type": "application/json",
        }
        try:
            answer = pool.request("POST", random.choice(self._urls), body=body, headers=headers)
        except urllib3.exceptions.HTTPError:
            self.statuses[0] += 1
            return False
        self.statuses[answer.status] += 1
        if answer.status == 201:
            self.accepted[answer.json()["id"]] = time.monotonic()
            return True
        if answer.status not in (409, 429, 500, 502, 503, 504):
            self.surprises.append(f"{answer.status} {answer.data[:200]!r}")
        if answer.status == 500:
            self.surprises.append(f"500 {answer.data[:200]!r}")
        return False
