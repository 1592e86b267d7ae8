"""Request bodies are stored if a company wants them: without secrets, encrypted, temporarily, and at no cost to requests."""

import json
import threading
import uuid
from datetime import timedelta
from typing import Any

import orjson
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError, connection
from django.db.models import F

from accounts.models import Company
from accounts.services.request_bodies import keep_bodies, stop_keeping_bodies
from audit import retention
from audit.ingest import bodies, buffer, stream
from audit.ingest.body_writer import BATCH_NAME, IGNORED, BodyWriter, store
from audit.ingest.writer import Writer
from audit.kept import UNREAD, KeptBody
from audit.models import RequestBodies, RequestLog
from audit.tasks import prune_bodies
from core import clock
from core.models import SetAside
from core.principal import Mode
from core.security import crypto, sealed
from core.tenancy import system_context, tenant_context
from core.valkey import commands
from core.values import ids
from tests.audit.kept_bodies import client_of, kept, make_body_row, row_of, write_all
from tests.clients import sign_in
from tests.factories import SYSTEM, World
from tests.threads import all_at_once

SECRET_TEXT = "Zebra crossing 4711"


def choose(world: World, mode: Mode, *, keep: bool, delete: bool = False) -> None:
    """Have the company keep bodies, or not."""
    with tenant_context(world.tenant()):
        if keep:
            keep_bodies(company=world.company, mode=mode, actor=SYSTEM)
        else:
            stop_keeping_bodies(company=world.company, mode=mode, delete=delete, actor=SYSTEM)


def later(monkeypatch: pytest.MonkeyPatch, **shift: float) -> None:
    """Move the clock."""
    now = clock.now() + timedelta(**shift)
    monkeypatch.setattr(clock, "now", lambda: now)


# --- When ---------------------------------------------------------------------------------------------------------------


def test_bodies_are_kept_in_test_mode_for_seven_days(world: World) -> None:
    answer = client_of(world).post("/v1/customers", {"name": SECRET_TEXT, "email": "a@a.example"})
    assert answer.status == 201
    request, response = kept(answer, world.tenant("test"))
    assert json.loads(request.text) == {"name": SECRET_TEXT, "email": "a@a.example"}
    assert json.loads(response.text) == answer.json
    assert (request.type, request.is_cut, request.why) == ("application/json", False, "")
    row = row_of(answer, world.tenant("test"))
    assert row is not None
    assert row.expires_at - row.created == timedelta(days=7)


def test_refused_requests_keep_both_bodies(world: World) -> None:
    answer = client_of(world).post("/v1/customers", {"name": SECRET_TEXT, "email": "no address", "x": 1})
    assert answer.status == 400
    request, response = kept(answer, world.tenant("test"))
    assert json.loads(request.text) == {"name": SECRET_TEXT, "email": "no address", "x": 1}
    assert response.type == "application/problem+json"
    assert json.loads(response.text) == answer.json


def test_unread_bodies_of_refused_requests_are_not_read_for_the_log(world: World) -> None:
    answer = client_of(world, "test", "customers:read").post("/v1/customers", {"name": SECRET_TEXT})
    assert answer.status == 403
    request, response = kept(answer, world.tenant("test"))
    assert (request.text, request.why) == ("", UNREAD)
    assert json.loads(response.text)["error"]["code"] == "insufficient_scope"


def test_live_bodies_are_kept_only_within_the_chosen_24_hours(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = client_of(world, "live")
    before = live.post("/v1/customers", {"name": SECRET_TEXT, "email": "a@a.example"})
    choose(world, "live", keep=True)
    chosen = live.post("/v1/customers", {"name": SECRET_TEXT, "email": "b@b.example"})
    later(monkeypatch, hours=24)
    after = live.post("/v1/customers", {"name": SECRET_TEXT, "email": "c@c.example"})
    monkeypatch.undo()
    assert (before.status, chosen.status, after.status) == (201, 201, 201)
    assert row_of(before, world.tenant()) is None
    assert row_of(after, world.tenant()) is None
    row = row_of(chosen, world.tenant())
    assert row is not None
    assert row.expires_at - row.created == timedelta(hours=24)
    assert json.loads(KeptBody.read(bytes(row.request)).text)["email"] == "b@b.example"


def test_changing_the_choice_takes_effect_with_the_next_request(world: World) -> None:
    test = client_of(world)
    assert row_of(test.get("/v1/whoami"), world.tenant("test")) is not None
    choose(world, "test", keep=False)
    assert row_of(test.get("/v1/whoami"), world.tenant("test")) is None
    choose(world, "test", keep=True)
    assert row_of(test.get("/v1/whoami"), world.tenant("test")) is not None


def test_bodies_in_transit_are_not_stored_after_stop_and_delete(world: World) -> None:
    answer = client_of(world).post("/v1/customers", {"name": SECRET_TEXT, "email": "a@a.example"})
    assert bodies.BUFFER.flush()
    choose(world, "test", keep=False, delete=True)
    assert row_of(answer, world.tenant("test")) is None


def test_stop_and_delete_waits_for_a_batch_that_is_being_stored(world: World) -> None:
    """Both lock the company, so no row appears behind a deletion."""
    entered, go_on = threading.Event(), threading.Event()
    row = make_body_row(world)

    def stop_at_insert(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith("INSERT INTO audit_requestbodies"):
            entered.set()
            assert go_on.wait(30)
        return execute(sql, params, many, context)

    def write() -> None:
        try:
            with connection.execute_wrapper(stop_at_insert):
                store([row])
        finally:
            connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    assert entered.wait(30)
    # when
    try:
        with pytest.raises(OperationalError, match="lock timeout"):
            _delete_impatiently(world)
    finally:
        go_on.set()
        writer.join()
    # then
    with tenant_context(world.tenant("test")):
        assert RequestBodies.objects.filter(id=uuid.UUID(row[0])).exists()


def _delete_impatiently(world: World) -> None:
    with tenant_context(world.tenant()), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '50ms'")
        stop_keeping_bodies(company=world.company, mode="test", delete=True, actor=SYSTEM)


def test_company_being_changed_delays_no_other(world: World) -> None:
    """Nor is the writer part of a deadlock with a change of many companies, such as that of a tier's limits."""
    write_all()
    busy, other = sorted([world.company.id, world.other_company.id], reverse=True)
    rows = [make_body_row(world, company=company) for company in (busy, other)]
    assert stream.BODIES.add(bodies.pack([orjson.dumps(row) for row in rows]))

    def write(_: int) -> int:
        return BodyWriter("test").drain(seconds=30)

    def stored() -> list[str]:
        wanted = RequestBodies.objects.filter(id__in=[uuid.UUID(row[0]) for row in rows])
        return [found.hex for found in wanted.order_by("id").values_list("id", flat=True)]

    with system_context(reason="test"):
        # given
        Company.objects.filter(id=busy).update(version=F("version") + 1)
        # when
        all_at_once(1, write)
        # then
        assert stored() == [rows[1][0]]
        Company.objects.filter(id=other).update(version=F("version") + 1)
    write(0)
    with system_context(reason="test"):
        assert stored() == [rows[0][0], rows[1][0]]
    assert stream.BODIES.waiting() == 0


# --- Where --------------------------------------------------------------------------------------------------------------


def test_nothing_leaves_the_process_unencrypted(world: World, tmp_path: Any, settings: Any) -> None:
    """Neither in Valkey, nor in the table, nor in a file of what could not be shipped."""
    client = client_of(world)
    client.post("/v1/customers", {"name": SECRET_TEXT, "email": "a@a.example"})
    assert bodies.BUFFER.flush()
    in_valkey = commands.call("XRANGE", stream.BODIES.name, "-", "+")
    assert in_valkey
    assert SECRET_TEXT.encode() not in repr(in_valkey).encode()
    write_all()
    with system_context(reason="test"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT request, response FROM audit_requestbodies WHERE company_id = %s", [world.company.id]
        )
        [(request, response)] = cursor.fetchall()
    assert SECRET_TEXT.encode() not in bytes(request) + bytes(response)
    assert SECRET_TEXT.encode() in crypto.decrypt(bytes(request))
    settings.DATA_DIR = tmp_path
    client.post("/v1/customers", {"name": SECRET_TEXT, "email": "b@b.example"})
    assert bodies.BUFFER._keep()
    [file] = (tmp_path / "request-log").glob("*.bodies")
    assert SECRET_TEXT.encode() not in file.read_bytes()
    # and the next writer there takes it up
    assert BodyWriter("test").drain(seconds=30) == 1
    assert not file.exists()


def test_bodies_are_invisible_to_other_tenants_and_read_only_for_the_app_role(world: World) -> None:
    """Row-level security: another company, the other mode, and no statement of `app` adds or changes one."""
    answer = client_of(world).post("/v1/customers", {"name": SECRET_TEXT, "email": "a@a.example"})
    assert row_of(answer, world.tenant("test")) is not None
    for tenant in (world.tenant("live"), world.other_tenant("test"), world.other_tenant("live")):
        with tenant_context(tenant), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audit_requestbodies")
            assert cursor.fetchone() == (0,)
    with tenant_context(world.tenant("test")), connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_table_privilege('app', 'audit_requestbodies', 'INSERT, UPDATE'), "
            "has_table_privilege('app', 'audit_requestbodies', 'SELECT')"
        )
        assert cursor.fetchone() == (False, True)


def test_the_api_and_exports_have_no_bodies(world: World) -> None:
    client = client_of(world, "test", "customers:write", "audit:read")
    answer = client.post(
        "/v1/customers", {"name": "N", "email": "a@a.example", "metadata": {"a": SECRET_TEXT}}
    )
    write_all()
    log = client.get(f"/v1/request_logs/{answer.headers['X-Request-Id']}")
    assert log.status == 200
    assert SECRET_TEXT not in log.content.decode()
    browser = sign_in(world.owner)
    browser.get("/requests/?mode=test", follow=True)
    for kind in ("csv", "jsonl"):
        export = b"".join(browser.get(f"/requests/export.{kind}")).decode()
        assert answer.headers["X-Request-Id"] in export
        assert SECRET_TEXT not in export


def test_redelivered_batches_are_stored_once_and_a_dead_writers_are_taken_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_all()
    monkeypatch.setattr(stream, "TAKE_OVER_AFTER_MS", 0)
    batch = [make_body_row(world) for _ in range(3)]
    assert store(batch) == 3
    assert store(batch) == 0
    # given a writer that stored a batch and died before it said so
    stream.BODIES.ensure_group()
    payload = bodies.pack([orjson.dumps(row) for row in [*batch, make_body_row(world)]])
    assert stream.BODIES.add(payload)
    assert len(stream.BODIES.read_new("dead", 10)) == 1
    # when
    assert BodyWriter("other").drain(seconds=5) == 1
    # then
    with tenant_context(world.tenant("test")):
        assert RequestBodies.objects.count() == 4
    assert stream.BODIES.waiting() == 0


def test_one_bad_body_is_set_aside_and_the_others_are_stored(world: World) -> None:
    write_all()
    bad = make_body_row(world)
    bad[2] = "none"
    gone = make_body_row(world)
    gone[1] = uuid.uuid4().hex
    good = [make_body_row(world) for _ in range(4)]
    stream.BODIES.add(bodies.pack([orjson.dumps(row) for row in [*good[:2], bad, gone, *good[2:]]]))
    BodyWriter("test").drain(seconds=30)
    with tenant_context(world.tenant("test")):
        assert {row.hex for row in RequestBodies.objects.values_list("id", flat=True)} == {
            row[0] for row in good
        }
    with system_context(reason="test"):
        aside = SetAside.objects.get(batch=BATCH_NAME, item=ids.encode("req", uuid.UUID(bad[0])))
    assert aside.reason == "KeyError"
    assert stream.BODIES.waiting() == 0


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"[]", "not_ours"),
        (sealed.seal(sealed.tag_of("request-rows", ("x",)), b"[]"), "not_ours"),
        (sealed.seal(sealed.tag_of("request-bodies", ("x",)), b"[]"), "unknown_schema"),
        (sealed.seal(bodies.SCHEMA, b"no rows"), "unreadable"),
        (sealed.seal(bodies.SCHEMA, b"7"), "unreadable"),
    ],
)
def test_batches_that_are_not_authentic_or_not_known_are_ignored(
    world: World, payload: bytes, reason: str
) -> None:
    before = IGNORED.labels(reason)._value.get()
    row = make_body_row(world)
    stream.BODIES.add(payload)
    stream.BODIES.add(bodies.pack([orjson.dumps(row)]))
    assert BodyWriter("test").drain(seconds=30) == 1
    assert IGNORED.labels(reason)._value.get() == before + 1


def test_bodies_survive_the_task_running_out_of_time(world: World) -> None:
    write_all()
    row = make_body_row(world)
    assert stream.BODIES.add(bodies.pack([orjson.dumps(row)]))

    def end(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith("INSERT INTO audit_requestbodies"):
            raise SoftTimeLimitExceeded
        return execute(sql, params, many, context)

    with connection.execute_wrapper(end), pytest.raises(SoftTimeLimitExceeded):
        BodyWriter("test").drain(seconds=30)
    assert BodyWriter("test").drain(seconds=30) == 1


def test_expired_bodies_are_not_stored_and_are_pruned(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    old = make_body_row(world, at=(clock.now() - timedelta(days=8)).timestamp())
    with system_context(reason="test"):
        Company.objects.filter(id=world.company.id).update(test_bodies_from=clock.now() - timedelta(days=30))
    assert store([old]) == 0
    young = make_body_row(world, at=(clock.now() - timedelta(days=6)).timestamp())
    youngest = make_body_row(world)
    assert store([young, youngest]) == 2
    later(monkeypatch, days=1, minutes=1)
    prune_bodies()
    with tenant_context(world.tenant("test")):
        assert [row.hex for row in RequestBodies.objects.values_list("id", flat=True)] == [youngest[0]]


def test_deleted_bodies_are_pruned_and_those_of_others_stay(world: World) -> None:
    mine = make_body_row(world)
    of_others = make_body_row(world, company=world.other_company.id)
    assert store([mine, of_others]) == 2
    choose(world, "test", keep=False, delete=True)
    choose(world, "test", keep=True)
    fresh = make_body_row(world)
    assert store([fresh]) == 1
    prune_bodies()
    with system_context(reason="test"):
        left = set(
            RequestBodies.objects.filter(company__in=[world.company.id, world.other_company.id]).values_list(
                "id", flat=True
            )
        )
    assert {row.hex for row in left} == {of_others[0], fresh[0]}


def test_only_the_newest_bodies_of_a_company_and_mode_stay(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MOST_KEPT", 2)
    mine = [make_body_row(world) for _ in range(4)]
    of_others = [make_body_row(world, company=world.other_company.id) for _ in range(2)]
    choose(world, "live", keep=True)
    live = make_body_row(world, mode="live")
    assert store([*mine, *of_others, live]) == 7
    prune_bodies()
    with system_context(reason="test"):
        left = RequestBodies.objects.filter(company__in=[world.company.id, world.other_company.id])
        assert {row.hex for row in left.values_list("id", flat=True)} == {
            row[0] for row in (*mine[2:], *of_others, live)
        }


def test_bodies_beyond_the_memory_limit_are_dropped_and_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MAX_RAW_BYTES", 10)
    own = bodies.Bodies()
    monkeypatch.setattr(bodies, "BUFFER", own)
    before = bodies.DROPPED._value.get()
    answer = client_of(world).post("/v1/customers", {"name": SECRET_TEXT, "email": "a@a.example"})
    assert answer.status == 201
    assert own.waiting() == 0
    assert bodies.DROPPED._value.get() == before + 1
    write_all()
    with tenant_context(world.tenant("test")):
        assert RequestLog.objects.filter(id=ids.decode("req", answer.headers["X-Request-Id"])).exists()


def test_requests_are_logged_while_the_stream_of_bodies_is_full(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_all()
    monkeypatch.setattr(stream.BODIES, "max_bytes", 0)
    monkeypatch.setattr(bodies, "BUFFER", bodies.Bodies())
    client = client_of(world)
    answers = [client.get("/v1/whoami") for _ in range(20)]
    # when
    assert not bodies.BUFFER.flush()
    assert bodies.BUFFER.waiting() == 20
    assert buffer.BUFFER.flush()
    Writer("test").drain(seconds=30)
    # then
    expected = {ids.decode("req", answer.headers["X-Request-Id"]) for answer in answers}
    with tenant_context(world.tenant("test")):
        assert set(RequestLog.objects.values_list("id", flat=True)) == expected


def test_memory_is_released_once_bodies_are_encrypted(world: World) -> None:
    own = bodies.Bodies()
    own._loop.wake = lambda: None  # type: ignore[method-assign]
    side = ("application/json", 7, b'{"a":1}', "", ())
    for _ in range(3):
        own.append(
            (ids.encode("req", ids.new_id()), world.company.id, "test", clock.now().timestamp(), side, side)
        )
    assert own._raw_bytes == 42
    assert own.flush()
    assert (own._raw_bytes, own.waiting()) == (0, 0)
