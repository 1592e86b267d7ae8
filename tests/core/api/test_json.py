"""JSON parsing and canonical values, with the standard library as a model."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.api.errors import InvalidRequest
from core.api.json import MAX_DEPTH, canonical, parse_object

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(["a", "a:", ":", '":', "\\"])
SCALARS = (
    st.none()
    | st.booleans()
    | TEXTS
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)
PAIRS = st.lists(st.tuples(TEXTS, VALUES), max_size=4)


def depth_of(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


def written(pairs: list[tuple[str, object]]) -> bytes:
    return ("{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}").encode()


@given(PAIRS)
def test_json_is_parsed_as_by_the_standard_library_except_duplicate_names(pairs: list) -> None:
    body = written(pairs)
    if len(dict(pairs)) != len(pairs) or depth_of(dict(pairs)) > MAX_DEPTH:
        with pytest.raises(InvalidRequest):
            parse_object(body)
    else:
        assert parse_object(body) == json.loads(body)


@given(st.dictionaries(TEXTS, VALUES, max_size=4), st.randoms())
def test_name_order_and_integer_spelling_do_not_change_the_fingerprint(data: dict, random: object) -> None:
    def otherwise(value: object) -> object:
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
            return float(value)
        if isinstance(value, list):
            return [otherwise(one) for one in value]
        if isinstance(value, dict):
            items = [(name, otherwise(one)) for name, one in value.items()]
            random.shuffle(items)  # type: ignore[attr-defined]
            return dict(items)
        return value

    assert canonical(data) == canonical(otherwise(data))


@pytest.mark.parametrize(
    ("one", "other"),
    [({"a": 1}, {"a": "1"}), ({"a": 1}, {"a": True}), ({"a": 1.5}, {"a": 1}), ({"a": [1, 2]}, {"a": [2, 1]}),
     ({"a": None}, {}), ({"a": 2**53}, {"a": 2**53 + 2})],
)  # fmt: skip
def test_different_values_change_the_fingerprint(one: dict, other: dict) -> None:
    assert canonical(one) != canonical(other)
