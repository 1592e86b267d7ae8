"""A key is found by the beginning of a secret through an index, among many secrets and under row-level security."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from apikeys.keys import parse_shown
from apikeys.models import ApiKeySecret
from apikeys.selectors import shown_as
from core.tenancy import Tenant, tenant_context
from tests.engines import superuser_url
from tests.factories import World, make_key
from tests.isolation.test_filters_use_indexes import thrown_away

ROWS = 50_000
TABLE = ApiKeySecret._meta.db_table
# Three characters are those of one secret in 238,328, if they are random as these are.
MOST_ROWS_THROWN_AWAY = 20


@pytest.fixture
def crowd(world: World) -> Iterator[Tenant]:
    """A company with so many secrets that reading all of them would show, and whose locators are random."""
    key = make_key(world.company).key
    with psycopg.connect(superuser_url(), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            f"INSERT INTO {TABLE} (id, company_id, mode, created, key_id, locator, tail, store, encoded_hash, fingerprint, "
            "vault_path, proof, last_used_agent, reported_place, reported_dead) "
            "SELECT uuidv7(), company_id, mode, created, key_id, substr(translate(encode(sha256((id::text || n)::bytea), "
            "'base64'), '+/=', 'xyz'), 1, 8), tail, store, encoded_hash, fingerprint, vault_path, proof, last_used_agent, "
            f"reported_place, reported_dead FROM {TABLE}, generate_series(1, %s) n WHERE key_id = %s "
            "ON CONFLICT DO NOTHING",
            [ROWS, key.id],
        )
        connection.execute(f"ANALYZE {TABLE}")
        yield world.tenant()
        connection.execute(f"DELETE FROM {TABLE} WHERE key_id = %s", [key.id])
        connection.execute(f"ANALYZE {TABLE}")


def test_shown_part_of_a_secret_is_searched_as_an_index_range(crowd: Tenant) -> None:
    with tenant_context(crowd):
        locator = ApiKeySecret.objects.order_by("locator")[ROWS // 2].locator
    for mode in ("live", "test"):
        for length in (3, 5, 8):
            part = parse_shown(f"pm_{mode}_{locator[:length]}")
            assert part is not None
            with tenant_context(crowd):
                rows = ApiKeySecret.objects.filter(shown_as(part)).select_related("key").order_by("locator")
                explained: Any = rows[:10].explain(format="json", analyze=True)
                found = {row.locator for row in rows}

            plan = (json.loads(explained) if isinstance(explained, str) else explained)[0]["Plan"]
            count, scans = thrown_away(plan, TABLE)
            assert (count <= MOST_ROWS_THROWN_AWAY, scans) == (True, []), (mode, length, explained)
            assert (locator in found) is (mode == "live")
            assert all(one.startswith(locator[:length]) for one in found)
