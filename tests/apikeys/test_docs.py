"""What the documents say about keys and limits is run, not believed."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from apikeys import events, grants, keys
from apikeys.services import UNDO_MINUTES, IssuedKey
from apikeys.usage import FLUSH_SECONDS
from core.events import Event
from tests.clients import ApiClient
from tests.factories import World

DOCS = Path(settings.BASE_DIR) / "docs"


def code_blocks(page: str, language: str = "") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def test_the_scanner_expression_of_the_docs_is_the_one_we_test() -> None:
    assert keys.SCANNER_PATTERN in code_blocks("keys.md")[1]
    (rule,) = tomllib.loads(code_blocks("keys.md", "toml")[0])["rules"]
    assert rule["regex"] == keys.SCANNER_PATTERN
    secret = keys.generate("test").text
    assert re.search(rule["regex"], f"token={secret}")
    assert any(word in secret for word in rule["keywords"])


def test_the_documented_bounds_are_the_real_ones() -> None:
    page = (DOCS / "keys.md").read_text()
    assert f"{keys.SECRET_LENGTH} characters" in page
    assert f"for {UNDO_MINUTES} minutes" in page
    assert f"after {grants.REPROVE_SECONDS:.0f} s" in page
    assert f"until it is {grants.OUTAGE_SECONDS / 60:.0f} minutes old" in page
    assert f"batches of {FLUSH_SECONDS:.0f} seconds" in page


def test_every_public_event_of_a_key_is_in_the_docs() -> None:
    page = (DOCS / "keys.md").read_text()
    public = [
        kind
        for kind in vars(events).values()
        if isinstance(kind, type) and issubclass(kind, Event) and kind.type
    ]
    assert len(public) >= 12
    for kind in public:
        if kind.public:
            assert f"`{kind.type}`" in page


def test_the_documented_client_waits_as_long_as_it_is_told_and_succeeds(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    (helper,) = code_blocks("rate-limits.md", "python")
    waits: list[int] = []
    namespace: dict[str, Any] = {}
    exec(compile(helper, "rate-limits.md", "exec"), namespace)
    namespace["time"] = type("Clock", (), {"sleep": staticmethod(waits.append)})
    issued = issue_key(world.company, rate_limit=1)
    client = api(issued.client_secret)

    class Session:
        """The part of requests.Session the helper uses, against the API itself."""

        def request(self, method: str, url: str, timeout: int) -> Any:
            if waits:
                # The time it slept has passed: a key with more tokens stands for it.
                client.secret = issue_key(world.company).client_secret
            answer = client.request(method, url)
            answer.status_code = answer.status  # type: ignore[attr-defined]
            return answer

    assert namespace["call"](Session(), "GET", "/v1/whoami").status_code == 200
    assert namespace["call"](Session(), "GET", "/v1/whoami").status_code == 200
    (waited,) = waits
    assert 1 <= waited <= 60
