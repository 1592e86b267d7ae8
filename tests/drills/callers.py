"""Callers that keep going whatever happens, and record each response under its phase."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import urllib3

from tests.drills import open_loop
from tests.threads import Repeated


@dataclass
class Phase:
    """The responses during an outage, or outside of one.

    `seconds` are the durations of 2xx responses, `refused` those of 503 responses to `offer`.
    """

    answers: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Return the percentile `share` of the durations of successful responses; 0 if there were none."""
        return percentile(self.seconds, share)

    def count(self, *kinds: str) -> int:
        """Return the number of responses of these kinds: `write 201`, `read 200`, `write 503`, `read timed out`, …"""
        return sum(self.answers[kind] for kind in kinds)

    def total(self, ending: str) -> int:
        """Return the number of responses, of either kind of caller, that ended like this."""
        return sum(count for kind, count in self.answers.items() if kind.endswith(ending))


def percentile(values: list[float], share: float) -> float:
    """Return the percentile `share` of the values; 0 if there are none."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


class Callers(Repeated):
    """Writers that POST customers, retrying each Idempotency-Key until accepted, and readers of whoami, which needs no SQL."""

    def __init__(
        self, url: str, key: str, *, writers: int = 3, readers: int = 3, per_second: float = 10.0
    ) -> None:
        self.phases: dict[str, Phase] = defaultdict(Phase)
        self.phase = "before"
        self.accepted: dict[str, float] = {}
        self.surprises: list[str] = []
        self._url, self.key, self._pause = url, key, 1 / per_second
        self.port = urllib3.util.parse_url(url).port or 80
        super().__init__(*[self._write] * writers, *[self._read] * readers)

    def wait_for_write(self, *, since: float, seconds: float = 120.0) -> float:
        """Return how long after `since` the first write was accepted. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if late := [at for at in list(self.accepted.values()) if at > since]:
                return min(late) - since
            time.sleep(0.02)
        raise TimeoutError

    def _pool(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(
            retries=False, timeout=urllib3.Timeout(connect=2, read=open_loop.TIMEOUT_SECONDS)
        )

    def _write(self) -> None:
        pool = self._pool()
        while not self._stopping.is_set():
            key, body = uuid.uuid4().hex, json.dumps({"name": f"Customer {uuid.uuid4()}"})
            while not self._create(pool, key, body):
                time.sleep(0.1)
            time.sleep(self._pause)

    def _create(self, pool: urllib3.PoolManager, key: str, body: str) -> bool:
        status, data = self.ask(pool, "write", "POST", "/v1/customers", body, key)
        if status == 201:
            self.accepted[json.loads(data)["id"]] = time.monotonic()
        elif status not in (0, 409, 429, 503):
            self.surprises.append(f"{status} {data[:200]!r}")
        return status == 201

    def _read(self) -> None:
        pool = self._pool()
        while not self._stopping.wait(self._pause):
            status, data = self.ask(pool, "read", "GET", "/v1/whoami")
            if status not in (0, 200, 429, 503):
                self.surprises.append(f"{status} {data[:200]!r}")

    def ask(
        self, pool: urllib3.PoolManager, kind: str, method: str, path: str, body: str = "", key: str = ""
    ) -> tuple[int, bytes]:
        """Send a request and record the response. Return its status (0 without a response) and body."""
        headers = {"Authorization": f"Bearer {self.key}"}
        if body:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": key}
        phase, began = self.phases[self.phase], time.monotonic()
        try:
            answer = pool.request(method, f"{self._url}{path}", body=body or None, headers=headers)
        except urllib3.exceptions.TimeoutError:
            phase.answers[f"{kind} timed out"] += 1
            return 0, b""
        except urllib3.exceptions.HTTPError:
            phase.answers[f"{kind} cut off"] += 1
            return 0, b""
        phase.answers[f"{kind} {answer.status}"] += 1
        if answer.status < 300:
            phase.seconds.append(time.monotonic() - began)
        return answer.status, answer.data


def offer(callers: Callers, phase: str, *, per_second: float | None, seconds: float) -> Phase:
    """Send writes regardless of responses (tests.drills.open_loop). Return `phase`, in which the responses are counted."""
    callers.phase = phase
    found = open_loop.offer(callers.port, callers.key, rate=per_second, seconds=seconds)
    done = callers.phases[phase]
    done.answers.update({f"write {status}": count for status, count in found["answers"].items()})
    done.seconds += found["seconds"]
    done.refused += found["refused"]
    now = time.monotonic()
    callers.accepted |= dict.fromkeys(found["accepted"], now)
    return done
