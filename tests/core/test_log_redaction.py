"""Fields of log lines: which are redacted by their name, and that no field which operators need is."""

import ast
from pathlib import Path

import pytest

from core.operations.logging import redact_log
from core.resources import own_apps
from core.values.redaction import REDACTED
from core.values.secret_fields import ENDINGS, EXACT_NAMES, is_secret_name
from tests.engines import ROOT

_LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log", "bind", "bind_contextvars"}


@pytest.mark.parametrize("name", [*EXACT_NAMES, *ENDINGS, "X-Client-Secret", "new_password", "apiKey"])
def test_fields_with_names_of_secrets_are_redacted_at_any_depth(name: str) -> None:
    line = {"event": "x", name: "hunter2", "request": [{name: {"deeper": "hunter2"}}]}

    assert redact_log(line) == {"event": "x", name: REDACTED, "request": [{name: REDACTED}]}


def test_other_fields_are_logged_as_they_are() -> None:
    line = {"event": "x", "client_id": "ck_1", "secret_id": "se_1", "key": "key_1", "keys": 3, "token": None}

    assert redact_log(line) == line


def test_objects_under_other_names_are_not_asked_for_their_truth() -> None:
    class Rows:
        """Like a QuerySet, of which `bool` reads every row."""

        def __bool__(self) -> bool:
            raise AssertionError("asked")

    rows = Rows()

    assert redact_log({"rows": rows}) == {"rows": rows}


def logged_fields() -> dict[str, str]:
    """Return the name of each field that our own code logs, with the file that does."""
    found = {}
    for folder in (ROOT / "config", ROOT / "core", *(Path(app.path) for app in own_apps())):
        for path in sorted(folder.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in _LEVELS
                ):
                    found.update({word.arg: str(path) for word in node.keywords if word.arg})
    return found


def test_no_field_that_our_code_logs_has_the_name_of_a_secret() -> None:
    fields = logged_fields()
    assert {"secret_id", "delivery", "gateway"} <= set(fields)

    assert {name: path for name, path in fields.items() if is_secret_name(name)} == {}
