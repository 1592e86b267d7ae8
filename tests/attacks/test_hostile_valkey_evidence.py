"""A compromised Valkey cannot fabricate sealed evidence: forged and changed batches are set aside, and nothing is lost."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command

from apikeys import attempts
from audit.ingest import batches, rows, spill, stream, writer
from audit.ingest.writer import SET_ASIDE, Writer
from audit.models import AuditEntry, RequestLog, RequestRollup, Seal
from audit.signing import canonical
from core.security import sealed
from core.tenancy import tenant_context
from core.valkey import commands
from tests.audit.rows import make_row
from tests.factories import World


def packed(*batch: list[object]) -> bytes:
    return batches.pack([canonical(row) for row in batch])


def unpacked(*batch: list[object]) -> bytes:
    return b"[" + b",".join(canonical(row) for row in batch) + b"]"


def xadd(payload: bytes, field: bytes = b"rows") -> None:
    """Write an entry as anybody could who reaches Valkey, beside our own code."""
    commands.client().execute_command("XADD", stream.REQUESTS.name, "*", field, payload)


def stored(world: World) -> set[str]:
    with tenant_context(world.tenant()):
        assert Seal.objects.filter(stream="requests").exists() == RequestLog.objects.exists()
        assert RequestRollup.objects.exists() == RequestLog.objects.exists()
        return {found.hex for found in RequestLog.objects.values_list("id", flat=True)}


def aside() -> list[bytes]:
    return [delivery.payload for found in stream.REQUESTS.read_set_aside(100) for delivery in found]


@pytest.fixture(autouse=True)
def _nothing_waits() -> Iterator[None]:
    """Each test begins with empty streams, and leaves none of its forgeries to others."""
    names = (stream.REQUESTS.name, stream.REQUESTS.size, stream.REQUESTS.aside, stream.UNSEALED)
    commands.client().delete(*names)
    stream.REQUESTS.ensure_group()
    yield
    commands.client().delete(*names)


def test_forged_request_is_not_sealed_and_real_ones_are(world: World) -> None:
    # given a forgery in the middle of real traffic
    forged, real = make_row(world.company.id, path="/v1/forged"), make_row(world.company.id)
    counted = SET_ASIDE.labels("not_ours")._value.get()
    xadd(unpacked(forged))
    stream.REQUESTS.add(packed(real))
    # when
    Writer("test").drain(seconds=30)
    # then
    assert stored(world) == {real[rows.ID]}
    assert aside() == [unpacked(forged)]
    assert SET_ASIDE.labels("not_ours")._value.get() - counted == 1
    assert stream.REQUESTS.waiting() == 0


def test_tampered_batch_is_not_sealed(world: World) -> None:
    for edit in (
        lambda payload: payload.replace(b'"GET"', b'"PUT"'),
        lambda payload: payload.replace(b"203.0.113.7", b"203.0.113.8"),
        lambda payload: payload[:-1],
        lambda payload: payload + b" ",
        lambda payload: payload.upper(),
        lambda payload: b"",
    ):
        xadd(edit(packed(make_row(world.company.id))))
    xadd(b"x", field=b"something")
    Writer("test").drain(seconds=30)
    assert stored(world) == set()
    assert len(aside()) == 7


def test_batch_of_another_kind_is_not_accepted_as_requests(world: World) -> None:
    xadd(sealed.seal(sealed.tag_of("grant", ["a"]), unpacked(make_row(world.company.id))))
    Writer("test").drain(seconds=30)
    assert stored(world) == set()


def test_replayed_batch_changes_nothing(world: World) -> None:
    real = make_row(world.company.id)
    payload = packed(real)
    stream.REQUESTS.add(payload)
    Writer("test").drain(seconds=30)
    for _ in range(3):
        xadd(payload)
    Writer("test").drain(seconds=30)
    assert stored(world) == {real[rows.ID]}
    with tenant_context(world.tenant()):
        assert sum(cell.requests for cell in RequestRollup.objects.all()) == 1
        assert sum(seal.rows for seal in Seal.objects.all()) == 1


def test_foreign_batch_file_is_not_sealed(world: World, tmp_path: Path, settings: object) -> None:
    settings.DATA_DIR = tmp_path  # type: ignore[attr-defined]
    real = make_row(world.company.id)
    spill.keep([unpacked(make_row(world.company.id, path="/v1/forged")), packed(real)])
    Writer("test").drain(seconds=30)
    assert stored(world) == {real[rows.ID]}


def test_batch_sealed_before_a_pepper_rotation_is_accepted(world: World, settings: object) -> None:
    real = make_row(world.company.id)
    stream.REQUESTS.add(packed(real))
    settings.API_KEY_PEPPERS = f"next:{'n' * 40},{settings.API_KEY_PEPPERS}"  # type: ignore[attr-defined]
    Writer("test").drain(seconds=30)
    assert stored(world) == {real[rows.ID]}


def test_batch_of_a_newer_release_waits_for_a_matching_writer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a batch whose schema this release does not know, as an old writer sees the new release's, or the reverse
    real = make_row(world.company.id)
    mine = batches.SCHEMA
    monkeypatch.setattr(batches, "SCHEMA", sealed.tag_of("request-rows", [*rows.CONTENT, "country"]))
    stream.REQUESTS.add(packed(real))
    monkeypatch.setattr(batches, "SCHEMA", mine)
    # when
    Writer("old").drain(seconds=30)
    # then nothing is stored and nothing lost
    assert (stored(world), len(aside()), stream.REQUESTS.waiting()) == (set(), 1, 0)
    # and when a writer that knows it comes
    monkeypatch.setattr(batches, "SCHEMA", sealed.tag_of("request-rows", [*rows.CONTENT, "country"]))
    monkeypatch.setattr(writer, "_last_taken_back", float("-inf"))
    Writer("new").drain(seconds=30)
    assert (stored(world), aside()) == ({real[rows.ID]}, [])


def test_unsealed_batches_of_old_releases_need_operator_consent(world: World) -> None:
    old = make_row(world.company.id)
    commands.client().execute_command("XADD", stream.UNSEALED, "*", "rows", unpacked(old))
    Writer("test").drain(seconds=30)
    assert stored(world) == set()
    call_command("write_request_log", adopt_unsealed=True)
    assert stored(world) == {uuid.UUID(old[rows.ID]).hex}
    assert commands.client().execute_command("XLEN", stream.UNSEALED) == 0


def test_forged_success_record_is_not_trusted(
    world: World, issue_key: object, api: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a Valkey that says "another process has it" keeps the first use of a stolen secret out of the trail."""
    issued = issue_key(world.company)  # type: ignore[operator]
    client = api(issued.client_secret)  # type: ignore[operator]
    real = attempts.commands.call

    def lying(*command: object) -> object:
        if command[0] == "SET" and str(command[1]).startswith("seen:"):
            real("SET", command[1], "1")
            return None
        return real(*command)

    monkeypatch.setattr(attempts.commands, "call", lying)
    assert client.get("/v1/whoami").status == 200
    with tenant_context(world.tenant()):
        entries = AuditEntry.objects.filter(action="api_key.authenticated")
        assert [entry.target_id for entry in entries] == [issued.client_id]
    # and another process, which believes what the first one sealed
    monkeypatch.undo()
    client = api(issued.client_secret)  # type: ignore[operator]
    for _ in range(2):
        attempts._seen.clear()
        assert client.get("/v1/whoami").status == 200
    with tenant_context(world.tenant()):
        assert AuditEntry.objects.filter(action="api_key.authenticated").count() == 2
