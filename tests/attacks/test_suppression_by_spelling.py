"""A suppressed mailbox cannot be reached by spelling it differently."""

from typing import Any

import pytest

from tests.factories import World, make_key

SPELLINGS = [
    '"ada.l"@example.com',
    '"ada\\.l"@example.com',
    '"\\a\\d\\a.l"@example.com',
    "ADA.L@EXAMPLE.COM",
    '"Ada.L"@Example.Com',
    "ada.l@ｅｘａｍｐｌｅ.com",
    "ada.l@example。com",
    'Ada <"ada.l"@example.com>',
]
SCOPES = ["email:send", "messaging:read", "suppressions:read", "suppressions:write"]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_suppressed_mailbox_is_suppressed_however_it_is_spelt(world: World, api: Any, spelling: str) -> None:
    client = api(make_key(world.company, scopes=SCOPES, mode="test").client_secret)
    client.post("/v1/suppressions", {"channel": "email", "address": "ada.l@example.com"})

    body = {"channel": "email", "to": [spelling], "subject": "Hello", "text": "Once more"}
    sent = client.post("/v1/messages", body)

    assert sent.status == 201, sent
    [found] = client.get(f"/v1/messages/{sent.json['id']}").json["recipients"]
    assert found["to"].rpartition("<")[2].strip(">").lower() == "ada.l@example.com"
    again = client.post(
        "/v1/suppressions", {"channel": "email", "address": spelling.rpartition("<")[2].strip(">")}
    )
    assert len(client.get("/v1/suppressions").json["data"]) == 1, again


def test_required_quotes_in_a_local_part_are_kept_in_one_canonical_form(world: World, api: Any) -> None:
    client = api(make_key(world.company, scopes=SCOPES, mode="test").client_secret)
    for spelling in ('"ada..l"@example.com', '"ada\\..l"@example.com', '"a\\da..l"@example.com'):
        client.post("/v1/suppressions", {"channel": "email", "address": spelling})

    assert [row["address"] for row in client.get("/v1/suppressions").json["data"]] == ['"ada..l"@example.com']


def test_two_spellings_of_a_mailbox_get_one_message(world: World, api: Any) -> None:
    client = api(make_key(world.company, scopes=SCOPES, mode="test").client_secret)
    body = {
        "channel": "email",
        "to": [*SPELLINGS[:2], "ada.l@example.com"],
        "subject": "Hello",
        "text": "Once",
    }

    sent = client.post("/v1/messages", body)

    assert sent.status == 400 or len(sent.json["recipients"]) == 1
