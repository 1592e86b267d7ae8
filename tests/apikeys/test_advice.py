"""Advice in refusals: general in the documentation and specific in the trace, from one text."""

import re

import pytest

from apikeys.decisions import Circumstances, explain
from apikeys.refusals import IpNotAllowed, KeyExpired
from core.api import error_docs
from core.errors import ERRORS, DomainError

error_docs.load_every_error()
ASKED = Circumstances(now=0, ip="203.0.113.9", origin=None)
CASES: dict[str, tuple[dict[str, object], str]] = {
    "ip_not_allowed": (
        {"ip": "203.0.113.9"},
        "Call from an allowed address, or add 203.0.113.9 to the key's allow-list.",
    ),
    "insufficient_scope": (
        {"required_scopes": ["email:send", "messaging:send"], "granted_scopes": []},
        (
            "Give the key the scope email:send or messaging:send on the dashboard, or use another key. "
            "It takes effect at once."
        ),
    ),
}


@pytest.mark.parametrize("code", CASES)
def test_the_trace_names_the_facts_that_the_documentation_points_to(code: str) -> None:
    facts, advice = CASES[code]
    refusal = ERRORS[code]("No.", facts=facts)

    step = explain(None, refusal, ASKED)[-1]

    assert (step["passed"], step["fix"]) == (False, advice)
    assert re.search(r"`error\.\w+`", type(refusal).fix)
    assert "{" not in type(refusal).fix


def test_every_refusal_with_specific_advice_is_covered() -> None:
    own = {code for code, error in ERRORS.items() if error.advice is not DomainError.advice}

    assert own == CASES.keys()


def test_fact_containing_braces_is_shown_unchanged() -> None:
    assert "add {0} {x} to" in IpNotAllowed("No.", facts={"ip": "{0} {x}"}).advice()


def test_without_facts_the_general_advice_is_given() -> None:
    assert explain(None, KeyExpired("Over."), ASKED)[-1]["fix"] == KeyExpired.fix
