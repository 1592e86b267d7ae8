"""The event catalog lists every public event, and patterns select the right ones."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import EVENT_TYPES
from webhooks import catalogue

NAMES = st.sampled_from(sorted(catalogue.CATALOGUE))


def test_every_public_event_is_in_the_catalog_with_a_description() -> None:
    public = {name for name, event in EVENT_TYPES.items() if event.public}

    assert public - catalogue.CATALOGUE.keys() == set()
    assert all(text.endswith(".") for text in catalogue.CATALOGUE.values())


def test_no_private_event_is_in_the_catalogue() -> None:
    private = {name for name, event in EVENT_TYPES.items() if not event.public}

    assert private & catalogue.CATALOGUE.keys() == set()
    assert catalogue.TEST_EVENT not in catalogue.CATALOGUE


@given(NAMES)
def test_event_type_is_selected_by_itself_its_wildcard_and_the_star(name: Any) -> None:
    for pattern in (name, name.partition(".")[0] + ".*", "*"):
        assert catalogue.is_pattern(pattern)
        assert catalogue.matches([pattern], name)
        assert name in catalogue.matching_types([pattern])


@given(NAMES, NAMES)
def test_event_type_selects_nothing_else(one: Any, other: Any) -> None:
    assert catalogue.matches([one], other) is (one == other)


@pytest.mark.parametrize(
    "text",
    ["", ".", "*.*", "customer", "customer.", ".*", "customer.*.*", "Customer.*", "nope.*", "customer.*x"],
)
def test_invalid_event_patterns_are_refused(text: str) -> None:
    assert not catalogue.is_pattern(text)
