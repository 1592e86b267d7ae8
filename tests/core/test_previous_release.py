"""What another release left behind is read again or set aside, never an error: the last release's, and the next one's.

The fixtures are what the release before sealed values wrote, byte for byte but for identifiers and MACs.
"""

import time

import orjson
import pytest

from apikeys import grants
from billing.entitlements import LIMIT_NAMES
from core import crypto, fences, sealed, valkey
from tests.factories import World

# apikeys.grants.Facts, as it was before grants carried a schema.
PREVIOUS_FACTS = [
    "secret_id",
    "key_id",
    "company_id",
    "mode",
    "key_name",
    "kind",
    "scopes",
    "rate_limit",
    "networks",
    "origins",
    "expires_at",
    "revoked",
    "replaced_at",
    "company_name",
    "company_tier",
    "company_suspended",
    "requests_per_minute",
    "messages_per_minute",
    "key_version",
    "company_version",
    "proved_at",
    "matched_at",
]


@pytest.fixture
def used(world: World, issue_key, api):
    """A key whose grant is in Valkey, and that this process does not remember."""
    issued = issue_key(world.company)
    assert api(issued.client_secret).get("/v1/whoami").status == 200
    grants.COPIES.clear()
    return issued


def slot(secret: str) -> tuple[bytes, str]:
    digest = grants.digest_of(secret)
    return digest, "grant:" + digest.hex()


def written_by_previous_release(digest: bytes, facts: dict[str, object]) -> bytes:
    content = orjson.dumps(facts)
    return crypto.mac("grant content", digest + content).hex().encode() + content


def written_by_next_release(digest: bytes, facts: dict[str, object]) -> bytes:
    tag = sealed.tag_of("grant", [*facts])
    return sealed.seal(tag, orjson.dumps(facts), bound_to=digest)


def current_facts(secret: str) -> dict[str, object]:
    digest, name = slot(secret)
    return orjson.loads(sealed.unseal(grants.SCHEMA, valkey.client().get(name), bound_to=digest))


def test_a_grant_of_the_previous_release_is_read_again_from_postgresql(used, api) -> None:
    digest, name = slot(used.client_secret)
    facts = {key: value for key, value in current_facts(used.client_secret).items() if key in PREVIOUS_FACTS}
    valkey.client().set(name, written_by_previous_release(digest, facts | {"scopes": ["customers:write"]}))
    answer = api(used.client_secret).get("/v1/whoami")
    assert (answer.status, answer.json["scopes"]) == (200, ["customers:read"])
    # and replaced by one of this release
    assert current_facts(used.client_secret)["scopes"] == ["customers:read"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda facts: facts | {"country": "CH"}, id="a field more"),
        pytest.param(lambda facts: {k: v for k, v in facts.items() if k != "kind"}, id="a field less"),
        pytest.param(
            lambda facts: {("sort" if k == "kind" else k): v for k, v in facts.items()}, id="another name"
        ),
    ],
)
def test_a_grant_of_another_release_is_read_again_from_postgresql(used, api, change) -> None:
    digest, name = slot(used.client_secret)
    valkey.client().set(name, written_by_next_release(digest, change(current_facts(used.client_secret))))
    assert api(used.client_secret).get("/v1/whoami").status == 200
    assert set(current_facts(used.client_secret)) == set(grants.Facts.__slots__)


def test_no_field_of_a_grant_changes_without_another_schema() -> None:
    # The numbers of a tier are part of it: a throttle may ask for any.
    names = [*(f"{field.name}:{field.type}" for field in grants.fields(grants.Facts)), *LIMIT_NAMES]
    assert sealed.tag_of("grant", names) == grants.SCHEMA
    assert sealed.tag_of("grant", [*names, "country:str"]) != grants.SCHEMA
    assert sealed.tag_of("grant", names[1:]) != grants.SCHEMA
    assert sealed.tag_of("grant", names[:-1]) != grants.SCHEMA


def test_a_fence_and_buckets_of_the_previous_release_are_understood(world: World, issue_key, api) -> None:
    """They are a version and a number of microseconds, and have not changed."""
    issued = issue_key(world.company, rate_limit=5)
    tag = world.company.id.hex
    fence = fences.key_fence(world.company.id, issued.key.id)
    now = int(time.time() * 1_000_000)
    valkey.client().set(fence, "1:0123456789ab")
    valkey.client().set(f"{{{tag}}}:bucket:key:{issued.key.id.hex}", str(now + 24_000_000))
    answer = api(issued.client_secret).get("/v1/whoami")
    assert answer.status == 200
    assert int(answer.headers["X-RateLimit-Remaining"]) <= 2
    assert valkey.client().get(fence) == b"1:0123456789ab"
