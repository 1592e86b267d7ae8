"""Each error code is produced: what is documented happens, and looks as documented (docs/architecture.md, Contracts)."""

from html import escape
from typing import Any

import pytest

from core.api import error_docs
from core.errors import ERRORS, DomainError
from tests.clients import ApiAnswer
from tests.contracts.problems import INTERNALS, assert_common_headers, assert_problem
from tests.contracts.refusals import REFUSALS
from tests.factories import World

error_docs.load_every_error()


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every DomainError that is made during the test: a page shows the text of one, not its code."""
    errors = []
    initialise = DomainError.__init__

    def recorded(self: Any, *args: Any, **kwargs: Any) -> None:
        initialise(self, *args, **kwargs)
        errors.append(self)

    monkeypatch.setattr(DomainError, "__init__", recorded)
    return errors


def test_identifiers_are_not_mistaken_for_memory_addresses() -> None:
    assert not INTERNALS.search(
        b'{"request_id": "req_0x3fabc1e2d3c4b5a69788776655", "instance": "/v1/a/in_01k0xabcdef0"}'
    )
    assert INTERNALS.search(b"<Customer object at 0x7f3a2b4c5d60>")


def test_no_refusal_is_listed_that_does_not_exist() -> None:
    assert set(REFUSALS) <= set(ERRORS)


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_each_code_is_produced(code: Any, world: World, raised: list[Any]) -> None:
    assert code in REFUSALS, f"no test produces {code}: add it to its app's refusals (tests.contracts.by_app)"

    outcome = REFUSALS[code](world)

    assert isinstance(outcome, ApiAnswer) is not ERRORS[code].only_on_pages

    if isinstance(outcome, ApiAnswer):
        assert_problem(outcome.status, outcome.headers, outcome.content, expected=(ERRORS[code].status, code))
        if code != "https_required":
            assert_common_headers(outcome.headers)
    elif isinstance(outcome, DomainError):
        assert type(outcome) is ERRORS[code]
    else:
        error = next(error for error in raised if type(error) is ERRORS[code])
        assert outcome.response.status_code < 500
        shown = outcome.response.content.decode()
        assert any(escape(words) in shown for words in (outcome.says or error.detail, error.title))
