"""The statements about keys and limits in the documentation match the code."""

import re
import tomllib
from pathlib import Path

from django.conf import settings

from apikeys import events, grants, keys
from apikeys.services import UNDO_MINUTES
from apikeys.usage import FLUSH_SECONDS
from core.events import Event

DOCS = Path(settings.BASE_DIR) / "docs"


def code_blocks(page: str, language: str = "") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def test_documented_scanner_pattern_is_the_tested_one() -> None:
    assert keys.SCANNER_PATTERN in code_blocks("keys.md")[1]
    (rule,) = tomllib.loads(code_blocks("keys.md", "toml")[0])["rules"]
    assert rule["regex"] == keys.SCANNER_PATTERN
    secret = keys.generate("test").text
    assert re.search(rule["regex"], f"token={secret}")
    assert any(word in secret for word in rule["keywords"])


def test_documented_limits_match_the_code() -> None:
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
