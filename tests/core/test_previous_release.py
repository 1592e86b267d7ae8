"""Data of the previous and next release in Valkey is reloaded or ignored, and never causes an error.

The fixtures are what the release before sealed values wrote, byte for byte except for identifiers and MACs.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from django.core.cache import cache, caches

from apikeys import grants
from apikeys.services import IssuedKey, revoke_key
from billing.entitlements import LIMIT_NAMES
from core.api import throttling
from core.api.throttling import TAKE, TAKE_ONE, place_of
from core.security import crypto, sealed
from core.tenancy import tenant_context
from core.valkey import commands, fences
from tests.clients import ApiClient
from tests.factories import SYSTEM, World

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
    return orjson.loads(sealed.unseal(grants.SCHEMA, commands.client().get(name), bound_to=digest))


def test_grant_of_the_previous_release_is_reloaded(
    used_key: IssuedKey, api: Callable[..., ApiClient]
) -> None:
    digest, name = slot(used_key.client_secret)
    facts = {
        key: value for key, value in current_facts(used_key.client_secret).items() if key in PREVIOUS_FACTS
    }
    commands.client().set(name, written_by_previous_release(digest, facts | {"scopes": ["customers:write"]}))
    answer = api(used_key.client_secret).get("/v1/whoami")
    assert (answer.status, answer.json["scopes"]) == (200, ["customers:read"])
    # and replaced by one of this release
    assert current_facts(used_key.client_secret)["scopes"] == ["customers:read"]


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
def test_grant_of_another_release_is_reloaded(
    used_key: IssuedKey, api: Callable[..., ApiClient], change: Any
) -> None:
    digest, name = slot(used_key.client_secret)
    commands.client().set(
        name, written_by_next_release(digest, change(current_facts(used_key.client_secret)))
    )
    assert api(used_key.client_secret).get("/v1/whoami").status == 200
    assert set(current_facts(used_key.client_secret)) == set(grants.GrantFacts.__slots__)


def test_no_field_of_a_grant_changes_without_another_schema() -> None:
    # The numbers of a tier are part of it: a throttle may ask for any.
    names = [*(f"{field.name}:{field.type}" for field in grants.fields(grants.GrantFacts)), *LIMIT_NAMES]
    assert sealed.tag_of("grant", names) == grants.SCHEMA
    assert sealed.tag_of("grant", [*names, "country:str"]) != grants.SCHEMA
    assert sealed.tag_of("grant", names[1:]) != grants.SCHEMA
    assert sealed.tag_of("grant", names[:-1]) != grants.SCHEMA


def bucket_of(world: World, issued: Any) -> str:
    return f"{{{world.company.id.hex}}}:bucket:key:{issued.key.id.hex}"


def microseconds() -> int:
    seconds, rest = commands.client().time()
    return int(seconds) * 1_000_000 + int(rest)


def test_fence_and_buckets_of_the_previous_release_are_understood(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """They were a version, and a number of microseconds, without a schema."""
    issued = issue_key(world.company, rate_limit=5)
    fence, bucket = fences.key_fence(world.company.id, issued.key.id), bucket_of(world, issued)
    commands.client().set(fence, "1:0123456789ab")
    commands.client().set(bucket, str(microseconds() + 24_000_000))
    answer = api(issued.client_secret).get("/v1/whoami")
    assert answer.status == 200
    assert int(answer.headers["X-RateLimit-Remaining"]) <= 2
    assert commands.client().get(fence) == b"1:0123456789ab"


# core.valkey.fences and core.api.throttling, as they were before fences and buckets carried a schema.
PREVIOUS_RAISE = commands.Script("""
local found = redis.call('MGET', unpack(KEYS))
for i, value in ipairs(found) do
  local version, epoch = tonumber(ARGV[i * 2 + 1]), ARGV[i * 2 + 2]
  local separator = string.find(value, ':', 1, true)
  local current, own = tonumber(string.sub(value, 1, separator - 1)), string.sub(value, separator + 1)
  if current <= version and (epoch == '' or epoch == own) then
    found[i] = ARGV[i * 2 + 1] .. ':' .. own
    redis.call('SET', KEYS[i], found[i], 'EX', ARGV[1])
  end
end
return found
""")
PREVIOUS_LOOK = commands.Script("return tostring(tonumber(redis.call('GET', KEYS[1])) - ARGV[1])")


def test_the_previous_release_understands_a_fence_and_a_bucket_of_this_one(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company, rate_limit=5)
    fence, bucket = fences.key_fence(world.company.id, issued.key.id), bucket_of(world, issued)
    client = api(issued.client_secret)
    before = microseconds()
    assert client.get("/v1/whoami").status == 200

    # It finds the tokens that were taken, and raises the fence within its epoch.
    assert float(PREVIOUS_LOOK.run([bucket], [before])) >= 12_000_000
    version, _, epoch = commands.client().get(fence).decode().partition(":")
    assert PREVIOUS_RAISE.run([fence], [60, "", int(version) + 1, epoch]) == [
        f"{int(version) + 1}:{epoch}".encode()
    ]
    # This one proves its copy again from PostgreSQL, where nothing was changed, and goes on.
    assert client.get("/v1/whoami").status == 200


@pytest.mark.parametrize("text", [b"1:0123456789ab~2", b"v3 version=1", b"1", b"x:y", b"\xff\x00", b""])
def test_fence_of_the_next_release_counts_as_missing(
    world: World, used_key: IssuedKey, api: Callable[..., ApiClient], text: bytes
) -> None:
    fence = fences.key_fence(world.company.id, used_key.key.id)
    commands.client().set(fence, text)

    answer = api(used_key.client_secret).get("/v1/whoami")

    assert answer.status == 200
    assert re.fullmatch(rb"\d+:[0-9a-f]{12}~1", commands.client().get(fence))
    assert "X-RateLimit-Remaining" in answer.headers


@pytest.mark.parametrize("text", [b"1:0123456789ab~2", b"nonsense"])
def test_no_grant_passes_after_a_change_met_a_fence_of_the_next_release(
    world: World, used_key: IssuedKey, api: Callable[..., ApiClient], text: bytes
) -> None:
    client = api(used_key.client_secret)
    assert client.get("/v1/whoami").status == 200
    commands.client().set(fences.key_fence(world.company.id, used_key.key.id), text)

    with tenant_context(world.tenant()):
        effect = revoke_key(key=used_key.key, actor=SYSTEM).effect

    assert effect.immediate
    assert client.get("/v1/whoami").status == 401


@pytest.mark.parametrize("text", ["{}.2", "v2 {}", "1e400", "-5", "{}.1.1", ""])
def test_bucket_written_by_a_newer_release_is_ignored(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient], text: str
) -> None:
    issued = issue_key(world.company, rate_limit=5)
    for name in (bucket_of(world, issued), place_of(bucket_of(world, issued))):
        commands.client().set(name, text.format(microseconds() + 3_600_000_000))

    answer = api(issued.client_secret).get("/v1/whoami")

    assert (answer.status, answer.headers["X-RateLimit-Remaining"]) == (200, "4")
    assert commands.client().get(bucket_of(world, issued)).endswith(b".1")


def test_neither_fences_nor_buckets_change_without_another_schema() -> None:
    """Their texts, and the scripts that read and write them. Whoever changes these says whether the releases still understand each other."""
    sources = [fences._MARK.source, fences._RAISE.source, TAKE.source, TAKE_ONE.source]

    assert (fences.SCHEMA, throttling.SCHEMA) == ("1", "1")
    assert hashlib.sha256("\n".join(sources).encode()).hexdigest()[:16] == "f1942478b4333c2b"


@pytest.mark.parametrize("value", [b"\x80\x04\x95", b"{", b"\xff"])
def test_unreadable_cache_entry_counts_as_missing(value: bytes) -> None:
    """Sign-in counts its attempts there: what another release has written must not keep anybody out."""
    commands.client().set(caches["default"].make_key("counted"), value)

    assert cache.get("counted", "nothing") == "nothing"
    assert cache.get_many(["counted"]) == {}
    cache.set("counted", [1], 60)
    assert cache.get("counted") == [1]
