"""What is kept of a body: its JSON without secrets, cut at a length, or why there is none."""

import json
from typing import Any

import orjson
import pytest

from audit.ingest import bodies
from audit.kept import EMPTY, INVALID, MAX_KEPT_BYTES, STREAMED, TYPE, formatted
from core.values.secret_fields import ENDINGS, EXACT_NAMES
from tests.audit.kept_bodies import client_of, every_plain_text, kept
from tests.factories import World


def test_secrets_are_redacted_by_value_and_by_name_at_any_depth(world: World) -> None:
    body = {
        "name": "pm_live_" + "a" * 38,
        "metadata": {
            "note": "Bearer aB3dE5gH7jK9mN1pQ3",
            "list": [{"password": "hunter2-hunter2", "deeper": [{"client_secret": ["x1-secret-x1"]}]}],
            "card": "4242 4242 4242 4242",
            "pan": 4242424242424242,
            "number": 5555555555554444,
            "token": None,
            "pin": True,
            "whsec_" + "b" * 32: "a name",
        },
    }
    answer = client_of(world).post("/v1/customers", body)
    request, _ = kept(answer, world.tenant("test"))
    assert json.loads(request.text) == {
        "name": "[redacted]",
        "metadata": {
            "note": "[redacted]",
            "list": [{"password": "[redacted]", "deeper": [{"client_secret": "[redacted]"}]}],
            "card": "[redacted]",
            "pan": "[redacted]",
            "number": "[redacted]",
            "token": None,
            "pin": True,
            "[redacted]": "a name",
        },
    }


def test_one_time_secrets_of_webhook_endpoints_are_never_stored(world: World) -> None:
    client = client_of(world, "test", "webhooks:write", "webhooks:read", "customers:read")
    made = client.post(
        "/v1/webhook_endpoints",
        {
            "url": "https://a.example/hooks",
            "events": ["customer.created"],
            "headers": {"x-shared": "a header's secret"},
        },
    )
    assert made.status == 201, made
    rotated = client.post(f"/v1/webhook_endpoints/{made.json['id']}/rotate_secret", {"overlap": "none"})
    assert rotated.status == 200, rotated
    _, response = kept(made, world.tenant("test"))
    assert json.loads(response.text)["secret"] == "[redacted]"
    _, response = kept(rotated, world.tenant("test"))
    assert json.loads(response.text)["secret"] == "[redacted]"
    everything = every_plain_text()
    for secret in (made.json["secret"], rotated.json["secret"], "a header's secret"):
        assert secret not in everything


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"password": "x", "a": 1}', '{"password":"[redacted]","a":1}'),
        ('  [{"word":"open sesame"}]', '[{"word":"[redacted]"}]'),
        ('{"a":"{\\"b\\":{\\"token\\":\\"x\\"}}"}', '{"a":"{\\"b\\":{\\"token\\":\\"[redacted]\\"}}"}'),
        ('{"a":"pm\\u005flive_' + "a" * 38 + '"}', '{"a":"[redacted]"}'),
        # Without secrets, not JSON.
        ('{"a": 1}', '{"a": 1}'),
        ("{not json", "{not json"),
    ],
)
def test_json_in_a_text_is_searched_too(text: str, shown: str) -> None:
    written, is_cut = bodies.readable(orjson.dumps({"payload": text}), ("word",))
    assert (json.loads(written), is_cut) == ({"payload": shown}, False)


def test_secrets_at_the_end_of_json_in_a_text_are_cut_off() -> None:
    inner = json.dumps({"a": "x" * MAX_KEPT_BYTES, "token": "hunter2"})
    written, is_cut = bodies.readable(orjson.dumps({"payload": inner}))
    assert is_cut
    assert "hunter2" not in written


def test_texts_beyond_the_searched_characters_are_described() -> None:
    """A body could otherwise be ten texts that each take long to redact and leave next to nothing."""
    texts = ["bearer " + "aB3" * 15_000, "bearer " + "aB3" * 15_000, "short"]
    assert bodies.readable(orjson.dumps(texts)) == (
        '["[redacted]","[text of 45,007 characters]","short"]',
        False,
    )


def test_whole_numbers_with_a_decimal_point_are_card_numbers_too() -> None:
    assert bodies.readable(b'{"n":4242424242424242.0,"m":4242424242424241.0}') == (
        '{"n":"[redacted]","m":4242424242424241.0}',
        False,
    )


def test_members_shown_once_are_redacted_whatever_their_name() -> None:
    text, _ = bodies.readable(b'{"object":"thing","word":"open sesame"}', ("word",))
    assert text == '{"object":"thing","word":"[redacted]"}'


@pytest.mark.parametrize(
    ("raw", "content_type", "why"),
    [
        (b"", "application/json", EMPTY),
        (b"%PDF-1.7 secret", "application/pdf", TYPE),
        (b"name=secret", "application/x-www-form-urlencoded", TYPE),
        (b"{not json", "application/json", INVALID),
        (b'{"a":"\x00"}', "application/json", INVALID),
        (b'{"a":"\\ud800"}', "application/json", INVALID),
        (b'{"a":1e400}', "application/json", INVALID),
        (b"\xff\xfe", "application/json", INVALID),
        (b"[" * 10_000 + b"]" * 10_000, "application/json", INVALID),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "application/json", INVALID),
    ],
)
def test_bodies_that_are_not_json_are_described_and_block_nothing(
    world: World, raw: bytes, content_type: str, why: str
) -> None:
    client = client_of(world)
    answer = client.request("POST", "/v1/customers", raw=raw, content_type=content_type)
    assert 400 <= answer.status < 500
    request, response = kept(answer, world.tenant("test"))
    assert (request.text, request.why, request.size) == ("", why, len(raw))
    assert json.loads(response.text) == answer.json
    following = client.post("/v1/customers", {"name": "Next", "email": "n@n.example"})
    assert json.loads(kept(following, world.tenant("test"))[0].text)["name"] == "Next"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'{"a":1,"a":2}', '{"a":2}'),
        (b'{"password":"one","password":"two"}', '{"password":"[redacted]"}'),
        (b'{"a":"\\u0000"}', '{"a":"\\u0000"}'),
        (b"123456789012345678901234567890", "1.2345678901234568e+29"),
        (b"-9223372036854775808", "-9223372036854775808"),
        (b'"text"', '"text"'),
        (b"[" * 40 + b"]" * 40, "[" * 32 + '"[nested too deeply]"' + "]" * 32),
        (b'{"a":"' + b"x" * 70_000 + b'"}', '{"a":"[text of 70,000 characters]"}'),
    ],
)
def test_unusual_json_is_kept_as_parsed(raw: bytes, text: str) -> None:
    assert bodies.readable(raw) == (text, False)


def test_long_bodies_are_cut_at_16_kib_between_characters(world: World) -> None:
    name = "€" * 20_000
    answer = client_of(world).post("/v1/customers", {"name": name, "email": "a@a.example"})
    request, _ = kept(answer, world.tenant("test"))
    assert request.is_cut
    assert len(request.text.encode()) in range(MAX_KEPT_BYTES - 2, MAX_KEPT_BYTES + 1)
    assert request.text.startswith('{"name":"€€€')
    assert request.text.endswith("€")
    assert request.size == len(json.dumps({"name": name, "email": "a@a.example"}).encode())
    assert request.note == f"The first 16 KiB of {round(request.size / 1024)} KiB."


def test_secrets_are_redacted_before_the_body_is_cut() -> None:
    body = orjson.dumps({"a": "x" * (MAX_KEPT_BYTES - 40), "b": "pm_live_" + "s" * 38, "c": "y" * 100})
    text, is_cut = bodies.readable(body)
    assert is_cut
    assert "pm_live_" not in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"a":1,"b":[true,null],"c":{},"d":[]}', '{\n  "a": 1,\n  "b": [\n    true,\n    null\n  ],\n  "c": {},\n  "d": []\n}'),
        ('{"a":"x\\"{[,:y"}', '{\n  "a": "x\\"{[,:y"\n}'),
        # Cut inside a text, after an escape's backslash, after a colon.
        ('{"a":["b","c', '{\n  "a": [\n    "b",\n    "c'),
        ('{"a":"b\\', '{\n  "a": "b\\'),
        ('{"a":', '{\n  "a": '),
        ('"a"', '"a"'),
    ],
)  # fmt: skip
def test_cut_json_is_indented_too(text: str, shown: str) -> None:
    assert formatted(text) == shown


def test_streamed_responses_are_described(world: World) -> None:
    from django.http import StreamingHttpResponse

    side = bodies._response_side(StreamingHttpResponse([b"x"], content_type="text/event-stream"))
    assert (side[0], side[2], side[3]) == ("text/event-stream", None, STREAMED)


def test_docs_list_every_secret_field_name(settings: Any) -> None:
    page = (settings.BASE_DIR / "docs" / "audit.md").read_text()
    section = page.partition("## Bodies of requests")[2].partition("## Events")[0]
    for name in (*EXACT_NAMES, *ENDINGS):
        assert f"`{name}`" in section
