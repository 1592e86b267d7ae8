"""Even with write access to every table, changes of the trail are detected: the tampering matrix.

Tampering is done as PostgreSQL's superuser, each kind with the entries and the requests of its own company.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from psycopg import sql
from psycopg.types.json import Jsonb

from accounts.events import CompanyUpdated
from audit.ingest.store import store
from audit.models import Seal, SealHead
from audit.seals.heads import chain_of, exported_heads, sign_heads
from audit.signing import Chain, seal_digest
from audit.verification import Finding, verify_chain, verify_days
from core import clock
from core.events import publish
from core.principal import Principal
from core.tenancy import system_context, tenant_context
from core.values import ids
from tests.audit.rows import make_row, seal_all
from tests.engines import superuser_url
from tests.factories import World

Record = Callable[[str, object], None]
TABLES = {"entries": "audit_auditentry", "requests": "audit_requestlog"}
PREFIXES = {"entries": "aud", "requests": "req"}


@dataclass(frozen=True)
class Trail:
    """A sealed and signed chain of at least six rows in two or more seals, and a superuser's connection."""

    world: World
    stream: str
    superuser: psycopg.Connection
    rows: list[uuid.UUID]

    @property
    def table(self) -> sql.Identifier:
        return sql.Identifier(TABLES[self.stream])

    def run(self, statement: str, *arguments: object) -> None:
        self.superuser.execute(statement.replace("{table}", TABLES[self.stream]), arguments)

    def head(self) -> SealHead:
        with system_context(reason="test"):
            return SealHead.objects.get(company_id=self.world.company.id, mode="live", stream=self.stream)

    def findings(self) -> list[Finding]:
        head = self.head()
        return list(verify_chain(head, exported_heads().get(chain_of(head))))

    def name(self, index: int) -> str:
        return ids.encode(PREFIXES[self.stream], self.rows[index])


def add_rows(world: World, stream: str, count: int = 3) -> None:
    if stream == "entries":
        for number in range(count):
            with tenant_context(world.tenant()):
                publish(
                    CompanyUpdated(
                        object_id=world.company.public_id,
                        changes={"ratio": [1.5, 1e30], "number": [None, number]},
                    ),
                    actor=Principal(kind="user", id="usr_1", name="Ada “Ü”\t", ip="2001:db8::1"),
                )
        seal_all()
    else:
        trace = [{"check": "ip", "detail": 'say "no" \\ ', "fix": "é", "passed": False}]
        store(
            [
                make_row(world.company.id, trace=trace, ip="2001:db8::1", path=f"/v1/n/{number}")
                for number in range(count)
            ]
        )


@pytest.fixture(params=["entries", "requests"])
def trail(world: World, request: pytest.FixtureRequest) -> Iterator[Trail]:
    for _ in range(2):
        add_rows(world, request.param)
    sign_heads()
    with psycopg.connect(superuser_url(), autocommit=True) as superuser:
        rows = superuser.execute(
            sql.SQL("SELECT id FROM {} WHERE company_id = %s AND mode = 'live' ORDER BY id").format(
                sql.Identifier(TABLES[request.param])
            ),
            [world.company.id],
        ).fetchall()
        made = Trail(world, request.param, superuser, [row_id for (row_id,) in rows])
        yield made
        # What a test broke must not be found by another one that looks at all chains.
        broken = [world.company.id, world.other_company.id]
        for table in ("audit_sealhead", "audit_seal", *TABLES.values()):
            superuser.execute(
                sql.SQL("DELETE FROM {} WHERE company_id = ANY(%s)").format(sql.Identifier(table)), [broken]
            )


def test_unmodified_trail_has_no_findings(trail: Trail) -> None:
    assert trail.findings() == []


def test_unsealed_rows_are_no_finding(trail: Trail) -> None:
    with tenant_context(trail.world.tenant()):
        publish(CompanyUpdated(object_id=trail.world.company.public_id), actor=Principal.system("test"))
    assert trail.findings() == []


EDITS = {
    "entries": {
        "action": "'nothing.happened'",
        "actor_kind": "'system'",
        "actor_id": "'usr_2'",
        "actor_name": "'Bob'",
        "target_type": "'x'",
        "target_id": "'co_x'",
        "ip": "NULL",
        "user_agent": "'x'",
        "request_id": "'req_x'",
        "changes": "'{\"ratio\": [1.5, 2]}'",
        "detail": "'{\"x\": 1}'",
        "created": "created + interval '1 microsecond'",
        "mode": "'test'",
    },
    "requests": {
        "method": "'PUT'",
        "route": "'/v1/x'",
        "path": "'/v1/x'",
        "status": "500",
        "duration_us": "1",
        "request_bytes": "1",
        "response_bytes": "1",
        "ip": "NULL",
        "user_agent": "'x'",
        "refused_by": "'x'",
        "trace": "NULL",
        "client_request_id": "'order-1'",
        "traceparent": "'00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'",
        "key": "NULL",
        "key_name": "'x'",
        "mode": "'test'",
    },
}


def test_edited_column_is_reported_with_its_row(trail: Trail, record_property: Record) -> None:
    named = 0
    for column, value in EDITS[trail.stream].items():
        row = trail.rows[2]
        before = trail.superuser.execute(
            sql.SQL("SELECT {} FROM {} WHERE id = %s").format(sql.Identifier(column), trail.table), [row]
        ).fetchone()
        assert before is not None
        trail.run(f"UPDATE {{table}} SET {column} = {value} WHERE id = %s", row)
        assert [(f.what, f.subject) for f in trail.findings()] == [("edited", trail.name(2))], column
        named += 1
        kept = Jsonb(before[0]) if isinstance(before[0], (dict, list)) else before[0]
        trail.run(f"UPDATE {{table}} SET {column} = %s WHERE id = %s", kept, row)
    assert trail.findings() == []
    record_property("audit", f"edited columns of {trail.stream} named: {named}/{len(EDITS[trail.stream])}")


def test_no_column_is_left_out_of_the_matrix(trail: Trail) -> None:
    columns = trail.superuser.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        [TABLES[trail.stream]],
    ).fetchall()
    tested_elsewhere = {"id", "company_id"}  # moved and reowned rows have tests of their own
    assert {name for (name,) in columns} == set(EDITS[trail.stream]) | tested_elsewhere


def delete_one(trail: Trail) -> tuple[str, str]:
    trail.run("DELETE FROM {table} WHERE id = %s", trail.rows[3])
    return "deleted", trail.name(3)


def give_to_another_company(trail: Trail) -> tuple[str, str]:
    trail.run("UPDATE {table} SET company_id = %s WHERE id = %s", trail.world.other_company.id, trail.rows[3])
    return "edited", trail.name(3)


def slip_one_in(trail: Trail) -> tuple[str, str]:
    fresh = uuid.UUID(bytes=trail.rows[1].bytes[:8] + uuid.uuid4().bytes[8:])
    names = {
        name
        for (name,) in trail.superuser.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [TABLES[trail.stream]],
        )
    } - {"id"}
    columns = ", ".join(sorted(names))
    trail.run(
        f"INSERT INTO {{table}} (id, {columns}) SELECT %s, {columns} FROM {{table}} WHERE id = %s",
        fresh,
        trail.rows[1],
    )
    return "inserted", ids.encode(PREFIXES[trail.stream], fresh)


def move_in_time(trail: Trail) -> tuple[str, str]:
    earlier = uuid.UUID(int=trail.rows[2].int - (5 << 80))
    trail.run("UPDATE {table} SET id = %s WHERE id = %s", earlier, trail.rows[2])
    return "deleted", trail.name(2)


def swap_two(trail: Trail) -> tuple[str, str]:
    spare = uuid.UUID(bytes=trail.rows[1].bytes[:8] + uuid.uuid4().bytes[8:])
    for before, after in ((trail.rows[1], spare), (trail.rows[2], trail.rows[1]), (spare, trail.rows[2])):
        trail.run("UPDATE {table} SET id = %s WHERE id = %s", after, before)
    return "edited", trail.name(1)


def edit_leaves(trail: Trail) -> tuple[str, str]:
    trail.superuser.execute(
        "UPDATE audit_seal SET leaves = set_byte(leaves, 20, get_byte(leaves, 20) # 1) "
        "WHERE company_id = %s AND stream = %s AND mode = 'live' AND number = 1",
        [trail.world.company.id, trail.stream],
    )
    return "seal_altered", "seal 1"


def remove_a_seal(trail: Trail) -> tuple[str, str]:
    trail.superuser.execute(
        "DELETE FROM audit_seal WHERE company_id = %s AND stream = %s AND mode = 'live' AND number = 1",
        [trail.world.company.id, trail.stream],
    )
    return "seal_missing", "seal 1"


def renumber_seals(trail: Trail) -> tuple[str, str]:
    trail.superuser.execute(
        "UPDATE audit_seal SET number = 3 - number WHERE company_id = %s AND stream = %s AND mode = 'live' "
        "AND number <= 2",
        [trail.world.company.id, trail.stream],
    )
    return "seal_altered", "seal 1"


def cut_off_the_end(trail: Trail) -> tuple[str, str]:
    last = trail.head().seals
    trail.superuser.execute(
        "DELETE FROM audit_seal WHERE company_id = %s AND stream = %s AND mode = 'live' AND number = %s",
        [trail.world.company.id, trail.stream, last],
    )
    return "cut_off", f"after seal {last - 1} of {last}"


WAYS: list[Callable[[Trail], tuple[str, str]]] = [
    delete_one,
    give_to_another_company,
    slip_one_in,
    move_in_time,
    swap_two,
    edit_leaves,
    remove_a_seal,
    renumber_seals,
    cut_off_the_end,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_each_kind_of_tampering_is_reported_first(
    trail: Trail, way: Callable[[Trail], tuple[str, str]], record_property: Record
) -> None:
    record_property("audit", f"tally: other ways of tampering with {trail.stream} named")
    expected = way(trail)
    found = [(finding.what, finding.subject) for finding in trail.findings()]
    assert found
    assert found[0] == expected


def test_rebuilt_chain_is_detected_by_the_signature(trail: Trail) -> None:
    """An attacker who knows how seals are made edits a row and recomputes everything that follows."""
    trail.run("DELETE FROM {table} WHERE id = %s", trail.rows[0])
    rebuild(trail, forget=trail.rows[0])
    assert next(finding.what for finding in trail.findings()) == "signature"


def test_rebuilt_unsigned_head_is_detected_by_the_exported_one(trail: Trail) -> None:
    trail.run("DELETE FROM {table} WHERE id = %s", trail.rows[0])
    rebuild(trail, forget=trail.rows[0])
    trail.superuser.execute(
        "UPDATE audit_sealhead SET signature = NULL, signed_seals = 0, changed = now() "
        "WHERE company_id = %s AND stream = %s",
        [trail.world.company.id, trail.stream],
    )
    assert [finding.what for finding in trail.findings()] == ["seal_altered"]
    assert "exported" in trail.findings()[0].subject


def test_truncated_chain_and_head_are_detected_by_the_exported_one(trail: Trail) -> None:
    """The older state was signed too, so its signature is good; the exported head says that there was more."""
    before = trail.head()
    add_rows(trail.world, trail.stream)
    sign_heads()
    trail.superuser.execute(
        "DELETE FROM audit_seal WHERE company_id = %s AND stream = %s AND mode = 'live' AND number > %s",
        [trail.world.company.id, trail.stream, before.seals],
    )
    trail.superuser.execute(
        sql.SQL("DELETE FROM {} WHERE company_id = %s AND NOT id = ANY(%s)").format(trail.table),
        [trail.world.company.id, trail.rows],
    )
    trail.superuser.execute(
        "UPDATE audit_sealhead SET seals = %s, rows = %s, digest = %s, signed_seals = %s, signature = %s WHERE id = %s",
        [
            before.seals,
            before.rows,
            bytes(before.digest),
            before.signed_seals,
            bytes(before.signature or b""),
            before.id,
        ],
    )
    assert [finding.what for finding in trail.findings()] == ["cut_off"]


def test_chain_removed_with_its_head_is_detected_from_its_rows_and_the_exported_file(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    for table in ("audit_seal", "audit_sealhead"):
        trail.superuser.execute(
            sql.SQL("DELETE FROM {} WHERE company_id = %s AND stream = %s").format(sql.Identifier(table)),
            [trail.world.company.id, trail.stream],
        )
    subjects = [f.subject for f in verify_days() if str(trail.world.company.id) in f.chain]
    assert any("rows of" in subject for subject in subjects)
    today = clock.now().date()
    assert today.isoformat() in subjects
    # Whoever asks for that day alone is told the same, and of another day nothing.
    company = str(trail.world.company.id)
    assert [f.subject for f in verify_days(today) if company in f.chain] == subjects
    assert [f for f in verify_days(today - timedelta(days=1)) if company in f.chain] == []
    monkeypatch.setattr("audit.management.commands.verify_audit.SHOWN", 10_000)
    with pytest.raises(CommandError, match=f"head_missing: .*{company}"):
        call_command("verify_audit", "--day", today.isoformat(), stdout=StringIO())


def test_head_that_nobody_signed_is_reported_after_ten_minutes(trail: Trail) -> None:
    trail.superuser.execute(
        "UPDATE audit_sealhead SET signed_seals = 0, signature = NULL, changed = %s WHERE company_id = %s AND stream = %s",
        [clock.now() - timedelta(minutes=11), trail.world.company.id, trail.stream],
    )
    assert [finding.what for finding in trail.findings()] == ["unsigned"]


def rebuild(trail: Trail, *, forget: uuid.UUID) -> None:
    """Recompute seals and head without one row, as somebody with every right but the key would."""
    head = trail.head()
    chain: Chain = chain_of(head)
    previous, rows = bytes(32), 0
    with system_context(reason="test"):
        seals = list(
            Seal.objects.filter(company_id=head.company_id, mode="live", stream=trail.stream).order_by(
                "number"
            )
        )
    for seal in seals:
        raw = bytes(seal.leaves)
        leaves = b"".join(
            raw[at : at + 48] for at in range(0, len(raw), 48) if raw[at : at + 16] != forget.bytes
        )
        digest = seal_digest(chain, seal.number, previous, leaves)
        trail.superuser.execute(
            "UPDATE audit_seal SET previous = %s, leaves = %s, rows = %s, digest = %s WHERE id = %s",
            [previous, leaves, len(leaves) // 48, digest, seal.id],
        )
        previous, rows = digest, rows + len(leaves) // 48
    trail.superuser.execute(
        "UPDATE audit_sealhead SET digest = %s, rows = %s WHERE id = %s", [previous, rows, head.id]
    )
