"""The changes of an event, field by field, with additions and removals."""

from typing import Any

import pytest

from audit.differences import ADDED, KEPT, MOST_LINES, REMOVED, differences, facts


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": ["Ada", "Ada L."]}, [("Name", [("Ada", REMOVED)], [("Ada L.", ADDED)], [])]),
        ({"rate_limit": [None, 60]}, [("Rate limit", [], [("60", ADDED)], [])]),
        ({"enabled": [True, False]}, [("Enabled", [("yes", REMOVED)], [("no", ADDED)], [])]),
        (
            {"scopes": [["a", "b"], ["b", "c"]]},
            [("Scopes", [("a", REMOVED), ("b", KEPT)], [("b", KEPT), ("c", ADDED)], [])],
        ),
        ({"scopes": [[], ["a"]]}, [("Scopes", [], [("a", ADDED)], [])]),
        (
            {"metadata": [{"a": "1", "b": "2"}, {"b": "2", "c": {"d": 3}}]},
            [
                ("Metadata · a", [("1", REMOVED)], [], []),
                ("Metadata · c · d", [], [("3", ADDED)], []),
            ],
        ),
        (
            {"text": ["one\ntwo", "one\n2\nthree"]},
            [("Text", [], [], [("one", KEPT), ("two", REMOVED), ("2", ADDED), ("three", ADDED)])],
        ),
        ({"odd": "not a pair"}, [("Odd", [], [("not a pair", ADDED)], [])]),
        ({}, []),
    ],
)
def test_each_changed_field_has_its_own_difference(changes: dict[str, Any], expected: list[Any]) -> None:
    assert [
        (
            one.label,
            *(
                [(piece.text, piece.fate) for piece in pieces]
                for pieces in (one.before, one.after, one.lines)
            ),
        )
        for one in differences(changes)
    ] == expected


def test_long_texts_are_not_compared_line_by_line() -> None:
    [found] = differences({"text": ["a\n" * (MOST_LINES + 1), "a\nb"]})
    assert [piece.fate for piece in found.lines] == [REMOVED] * (MOST_LINES + 1) + [ADDED] * 2


def test_details_of_an_event_are_listed_one_by_one() -> None:
    told = facts({"filters": {"period": "24h"}, "replaced": ["pm_live_a…b", "pm_live_c…d"], "reason": None})
    assert [(label, [piece.text for piece in pieces]) for label, pieces in told] == [
        ("Filters · period", ["24h"]),
        ("Replaced", ["pm_live_a…b", "pm_live_c…d"]),
        ("Reason", []),
    ]
