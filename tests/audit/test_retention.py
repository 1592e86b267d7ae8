"""Expired days are dropped as a whole; newer ones stay; a killed run is resumed."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client

from accounts.events import CompanyUpdated
from audit.days import day_bounds
from audit.ingest.store import store
from audit.models import PruneCheckpoint, RequestLog, RequestRollup, SealHead
from audit.partitions import tables
from audit.retention import find_expired, prune
from audit.seals import heads
from audit.seals.compacting import compact_heads
from audit.seals.entries import seal_waiting
from audit.seals.heads import sign_heads
from audit.signing import Chain
from audit.verification import verify_chain, verify_days
from core import clock
from core.events import publish
from core.tenancy import system_context, tenant_context
from core.values import ids
from tests.audit.rows import make_row
from tests.engines import superuser_url
from tests.factories import SYSTEM, World


@pytest.fixture
def old_day() -> Iterator[date]:
    """A day just beyond the retention, with partitions of its own, as if they had been made in time and never dropped."""
    day = clock.now().date() - timedelta(days=91)
    with psycopg.connect(superuser_url(), autocommit=True) as superuser:
        superuser.execute("DELETE FROM audit_prunecheckpoint WHERE day = %s", [day])
    tables.ensure_partitions([day])
    yield day
    prune()


def row_of(world: World, day: date, **values: Any) -> list[Any]:
    lower, _ = day_bounds(day)
    return make_row(world.company.id, id=lower.hex[:12] + "7" + ids.new_id().hex[13:], **values)


def names(day: date) -> set[str]:
    return {p.name for p in tables.list_partitions() if p.day == day}


def test_expired_day_is_dropped_and_its_heads_and_a_checkpoint_stay(world: World, old_day: date) -> None:
    # given two requests of a day that is over, and one of today
    store([row_of(world, old_day), row_of(world, old_day), make_row(world.company.id)])
    # when
    gone = prune()
    # then
    assert {table.name for table in gone} >= {
        f"{parent}_p{old_day:%Y%m%d}" for parent in tables.PARENTS if parent != "audit_seal"
    }
    assert names(old_day) <= {f"audit_seal_p{old_day:%Y%m%d}"}
    with tenant_context(world.tenant()):
        assert RequestLog.objects.count() == 1
        assert {cell.hour.date() for cell in RequestRollup.objects.all()} == {clock.now().date()}
    with system_context(reason="test"):
        checkpoint = PruneCheckpoint.objects.get(table="audit_requestlog", day=old_day)
    assert checkpoint.rows >= 2
    assert [f for f in verify_days() if old_day.isoformat() in f.subject] == []


def test_verification_page_does_not_confirm_a_dropped_day(
    world: World, login: Callable[..., Client], old_day: date
) -> None:
    # given a day beyond the retention, of which the signed head is all that stays
    store([row_of(world, old_day)])
    sign_heads()
    prune()
    browser = login(world.owner, company=world.company)
    verify = f"/audit/verify/requests?day={old_day.isoformat()}"
    # when
    dropped = browser.get(verify).content.decode()
    with psycopg.connect(superuser_url(), autocommit=True) as superuser:
        superuser.execute(
            "UPDATE audit_prunecheckpoint SET signature = decode(repeat('00', 64), 'hex') WHERE day = %s",
            [old_day],
        )
    forged = browser.get(verify).content.decode()
    # then
    assert "No longer kept here" in dropped
    assert "Nothing was changed" not in dropped
    assert "This day does not match its seals" in forged


def test_expired_rollups_are_deleted_in_steps(world: World, old_day: date) -> None:
    # given 1,200 roll-ups beyond the retention
    store([row_of(world, old_day, route=f"/v1/things/{number}") for number in range(1_200)])

    def left() -> int:
        with tenant_context(world.tenant()):
            return RequestRollup.objects.count()

    before = left()
    # when each run may take one step of a thousand
    prune(max_steps=1)
    once = left()
    prune(max_steps=1)
    # then
    assert (before, once, left()) == (1_200, 200, 0)


def test_dropped_day_without_its_checkpoint_is_reported(world: World, old_day: date) -> None:
    store([row_of(world, old_day)])
    sign_heads()
    prune()
    with psycopg.connect(superuser_url(), autocommit=True) as superuser:
        kept = superuser.execute(
            "DELETE FROM audit_prunecheckpoint WHERE day = %s AND \"table\" = 'audit_requestlog' RETURNING *",
            [old_day],
        ).fetchone()
        assert kept is not None
        found = [f.what for f in verify_days() if old_day.isoformat() in f.subject]
        superuser.execute(f"INSERT INTO audit_prunecheckpoint VALUES ({', '.join(['%s'] * len(kept))})", kept)
    assert found == ["day_missing"]


def test_the_last_day_of_the_retention_stays() -> None:
    today = clock.now().date()
    kept = today - timedelta(days=90)
    tables.ensure_partitions([kept])
    try:
        assert not any(table.day >= kept for table in find_expired(today))
    finally:
        prune(today=today + timedelta(days=3))


def test_dry_run_lists_and_drops_nothing(old_day: date) -> None:
    out = StringIO()
    call_command("prune_audit", "--dry-run", stdout=out)
    assert f"audit_requestlog_p{old_day:%Y%m%d} ({old_day.isoformat()}, attached)" in out.getvalue()
    assert f"audit_requestlog_p{old_day:%Y%m%d}" in names(old_day)


def test_the_retention_is_a_setting(old_day: date, settings: Any) -> None:
    settings.AUDIT_RETENTION_DAYS = 92
    assert not any(table.day == old_day for table in find_expired(clock.now().date()))
    settings.AUDIT_RETENTION_DAYS = 90


def test_partition_detached_by_a_killed_run_is_dropped_by_the_next(old_day: date) -> None:
    name = f"audit_requestlog_p{old_day:%Y%m%d}"
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"ALTER TABLE audit_requestlog DETACH PARTITION {name} CONCURRENTLY")
    assert (name, "detached") in {(t.name, t.state) for t in find_expired(clock.now().date())}
    assert name in {table.name for table in prune()}
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [name])
        assert cursor.fetchone() == (None,)


def test_verify_audit_detects_tampering(world: World, settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_HEADS_FILE = str(tmp_path / "heads.jsonl")  # others have removed what they exported
    store([make_row(world.company.id)])
    sign_heads()
    day = clock.now().date().isoformat()
    out = StringIO()
    with psycopg.connect(superuser_url(), autocommit=True) as superuser:
        superuser.execute(
            "UPDATE audit_requestlog SET status = 201 WHERE company_id = %s", [world.company.id]
        )
        with pytest.raises(CommandError, match="edited: req_"):
            call_command("verify_audit", "--day", day, stdout=out)
        superuser.execute(
            "UPDATE audit_requestlog SET status = 200 WHERE company_id = %s", [world.company.id]
        )
    call_command("verify_audit", "--day", day, stdout=out)
    assert "Nothing was changed" in out.getvalue()
    unknown = StringIO()
    call_command("verify_audit", "--day", "2001-01-01", stdout=unknown)
    assert "Nothing is known of this day" in unknown.getvalue()
    assert "Nothing was changed" not in unknown.getvalue()


def test_heads_that_several_machines_exported_are_read_as_one(
    world: World, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers on machines that share a folder each write a file of their own: an append over a network is not atomic."""
    settings.AUDIT_HEADS_FILE = str(tmp_path / "heads.{host}.jsonl")
    for machine in ("one", "two", "one"):
        monkeypatch.setattr(heads.socket, "gethostname", lambda machine=machine: machine)
        with tenant_context(world.tenant()):
            publish(CompanyUpdated(object_id="co_1", detail={"name": machine}), actor=SYSTEM)
        seal_waiting()
        heads.sign_heads()

    found = {
        chain.stream: head["seals"]
        for chain, head in heads.exported_heads().items()
        if chain.company_id == world.company.id
    }

    assert {file.name for file in tmp_path.iterdir()} == {"heads.one.jsonl", "heads.two.jsonl"}
    with system_context(reason="test"):
        last = SealHead.objects.get(company_id=world.company.id, mode="live", stream="entries")
    assert found["entries"] == last.seals >= 3
    assert list(verify_chain(last, heads.exported_heads()[heads.chain_of(last)])) == []


def test_compaction_keeps_the_last_head_of_each_chain_of_a_past_day(
    world: World, settings: Any, tmp_path: Path
) -> None:
    settings.AUDIT_HEADS_FILE = str(tmp_path / "heads.jsonl")
    for name in ("one", "two", "three"):
        with tenant_context(world.tenant()):
            publish(CompanyUpdated(object_id="co_1", detail={"name": name}), actor=SYSTEM)
        seal_waiting()
        heads.sign_heads()

    def ends() -> dict[Chain, tuple[object, ...]]:
        return {
            chain: (head["seals"], head["digest"], head["signed_at"], heads.is_signed_export(head))
            for chain, head in heads.exported_heads().items()
        }

    file = tmp_path / "heads.jsonl"
    with file.open("ab") as cut_off:
        cut_off.write(b'{"company": "cut\n')
    before, exported = file.read_bytes().splitlines(), ends()
    today = clock.now().date()

    # on the day itself, and twice on one day, nothing is touched
    assert compact_heads(today=today) == 0
    assert compact_heads(today=today) == 0
    assert file.read_bytes().splitlines() == before

    removed = compact_heads(today=today + timedelta(days=3))

    assert removed >= 2
    assert len(file.read_bytes().splitlines()) < len(before)
    assert ends() == exported
    with system_context(reason="test"):
        last = SealHead.objects.get(company_id=world.company.id, mode="live", stream="entries")
    assert list(verify_chain(last, heads.exported_heads()[heads.chain_of(last)])) == []


@pytest.mark.parametrize("name", ["heads.{host}.jsonl", "heads.{host}", "{host}"])
def test_head_files_of_retired_machines_are_compacted_by_active_ones(
    world: World, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # given two machines that are gone, one that wrote a moment ago, and this one, whose names differ after a dot only
    settings.AUDIT_HEADS_FILE = str(tmp_path / name)
    head = {"company": str(world.company.id), "mode": "live", "stream": "entries"}
    today = date(2026, 1, 10)
    for machine, day in (("pod.1", 1), ("pod.2", 2), ("pod.3", 3), ("pod.4", 4)):
        monkeypatch.setattr(heads.socket, "gethostname", lambda machine=machine: machine)
        lines = [
            {
                **head,
                "day": f"2026-01-0{day}",
                "seals": seals,
                "digest": "a",
                "signed_at": f"2026-01-0{day}T00:0{seals}:00Z",
            }
            for seals in (1, 2, 3)
        ]
        heads.append_to_file(lines)
        written = datetime(2026, 1, 10 if day > 2 else day, tzinfo=UTC).timestamp()
        os.utime(heads.own_file(), (written, written))
    exported = heads.exported_heads()

    # when
    removed = [
        compact_heads(today=today),
        compact_heads(today=today),
        compact_heads(today=today + timedelta(days=1)),
    ]

    # then
    files = {
        machine: tmp_path / name.replace("{host}", machine)
        for machine in ("pod.1", "pod.2", "pod.3", "pod.4")
    }
    assert removed == [6, 0, 0]
    assert {machine: len(path.read_bytes().splitlines()) for machine, path in files.items()} == {
        "pod.1": 1, "pod.2": 1, "pod.3": 3, "pod.4": 1,
    }  # fmt: skip
    assert heads.heads_files() == sorted(files.values())
    assert heads.exported_heads() == exported


def test_chain_exported_from_an_earlier_head_keeps_every_line(
    world: World, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no file by itself betrays it, since another machine has written the earlier end."""
    settings.AUDIT_HEADS_FILE = str(tmp_path / "heads.{host}.jsonl")
    head = {"company": str(world.company.id), "mode": "live", "stream": "entries", "day": "2026-01-01"}
    written = [("one", 1, "a"), ("one", 5, "b"), ("two", 3, "c"), ("one", 6, "d")]
    for minute, (machine, seals, digest) in enumerate(written):
        monkeypatch.setattr(heads.socket, "gethostname", lambda machine=machine: machine)
        moment = f"2026-01-01T00:0{minute}:00Z"
        heads.append_to_file([{**head, "seals": seals, "digest": digest, "signed_at": moment}])
    exported = heads.exported_heads()

    assert compact_heads(today=date(2026, 1, 10)) == 0

    assert heads.exported_heads() == exported
    assert [record["seals"] for record in exported.values()] == [5]


def test_freshly_signed_head_is_not_signed_again_immediately(world: World) -> None:
    def signed() -> tuple[int, int]:
        with system_context(reason="test"):
            head = SealHead.objects.get(company_id=world.company.id, mode="live", stream="entries")
        return head.seals, head.signed_seals

    for seals in (1, 2):
        with tenant_context(world.tenant()):
            publish(CompanyUpdated(object_id="co_1", detail={"name": f"{seals}"}), actor=SYSTEM)
        seal_waiting()
        heads.sign_heads(every=300)
    resting = signed()
    heads.sign_heads(every=0.001)

    assert resting[1] < resting[0]
    assert signed() == (resting[0], resting[0])
