"""A refusal on a page is a sentence for a person: headers, members and operations of the API are not theirs."""

import re

import pytest

from core.errors import ERRORS, DomainError, FieldError, FieldErrors, NotFound
from core.ui.forms import ServiceForm

# What only a caller of the API has or does.
API_TERMS = re.compile(
    r"`error\.|`[a-z]+_[a-z_]+`|`(from|full|amount|found|recoveries|detail)\b|Retry-After|Idempotency-Key|ETag|(GET|POST|PATCH|PUT) /v1|this key"
)
# Refused before or around a handler of the API, or of a key: no page ever is.
OF_THE_API = (
    "core.api.",
    "apikeys.refusals",
    "core.http.",
    "tests.",
)  # the last: the example of an extension
ON_PAGES = sorted(
    (error for error in ERRORS.values() if not error.__module__.startswith(OF_THE_API)),
    key=lambda error: error.code,
)


@pytest.mark.parametrize("error", ON_PAGES, ids=lambda error: error.code)
def test_what_a_page_advises_is_nothing_that_only_a_caller_of_the_api_can_do(
    error: type[DomainError],
) -> None:
    advice = error.page_fix or error.fix

    assert advice
    assert not API_TERMS.search(advice), advice


def test_what_is_gone_is_missing_on_a_page_and_unknown_to_a_key() -> None:
    form = ServiceForm({})
    form.is_valid()

    form.show_refusal(NotFound())

    assert form.non_field_errors() == [
        "It does not exist: it was deleted, or belongs to another company or mode."
    ]
    assert NotFound().detail == "There is no such object for this key."


def test_pages_explain_invalid_fields_without_their_api_names() -> None:
    refusal = FieldErrors(
        [
            FieldError("lines.0.quantity", "invalid", "Use a number above 0."),
            FieldError("due_date", "invalid", "It is over."),
        ]
    )

    assert refusal.page_detail == "Use a number above 0. It is over."
    assert refusal.detail == "lines.0.quantity: Use a number above 0.; due_date: It is over."
