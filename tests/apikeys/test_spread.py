"""Clients refused together get distinct retry times, so that all of them succeed (docs/architecture.md, Limits)."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
import urllib3

from apikeys.services import IssuedKey
from tests.clients import ApiClient
from tests.factories import World, make_key, make_world
from tests.live import WebProcess

CALLERS = 20
QUOTA = 60


@pytest.fixture(scope="module")
def server() -> Iterator[WebProcess]:
    web = WebProcess(threads=8)
    web.start()
    yield web
    web.stop()


def test_twenty_callers_with_urllib3s_own_retries_all_get_through_a_drained_key(
    server: WebProcess, record_property: Callable[[str, object], None]
) -> None:
    # Given a key whose minute is used up
    issued = make_key(make_world(tier="pro").company, rate_limit=QUOTA)
    headers = {"Authorization": f"Bearer {issued.client_secret}"}
    began = time.monotonic()
    with urllib3.PoolManager(maxsize=CALLERS) as pool:
        admitted = 0
        while pool.request("GET", f"{server.url}/v1/whoami", headers=headers, retries=False).status == 200:
            admitted += 1
        # When twenty callers come at once, each with the retries its library brings
        retries = urllib3.Retry(5)
        statuses: list[int] = []
        tries: list[int] = []

        def call() -> None:
            try:
                answer = pool.request("GET", f"{server.url}/v1/whoami", headers=headers, retries=retries)
            except urllib3.exceptions.MaxRetryError:
                statuses.append(429)
            else:
                statuses.append(answer.status)
                tries.append(len(answer.retries.history))

        callers = [threading.Thread(target=call) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(timeout=90)
    elapsed = time.monotonic() - began
    # Then all of them got through, and the limit was kept to the token
    record_property(
        "spread",
        f"{statuses.count(200)} of {CALLERS} through in {elapsed:.1f} s, {max(tries)} retries at most",
    )
    assert statuses == [200] * CALLERS
    assert admitted + CALLERS <= QUOTA + int(elapsed) + 1
    assert max(tries) <= 3


def test_refusal_names_the_policy_and_gives_one_retry_time_everywhere(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    client = api(issue_key(world.company, rate_limit=2).client_secret)
    for _ in range(2):
        assert client.get("/v1/whoami").status == 200
    refused = [client.get("/v1/whoami") for _ in range(2)]
    assert [answer.status for answer in refused] == [429, 429]
    for answer, seconds in zip(refused, ("30", "60"), strict=True):
        assert answer.headers["Retry-After"] == seconds
        assert answer.headers["X-RateLimit-Reset"] == seconds
        assert f'"key";r=0;t={seconds}' in answer.headers["RateLimit"]
        assert answer.json["violated-policies"] == ["key"]


def test_too_many_failures_name_the_policy_of_the_address(api: Callable[..., ApiClient]) -> None:
    client = api()
    refused = [client.get("/v1/whoami") for _ in range(21)][-1]
    assert refused.code == "too_many_failures"
    assert refused.json["violated-policies"] == ["address"]
