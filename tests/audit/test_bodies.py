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
from audit.kept import EMPTY, INVALID, MAX_KEPT_BYTES, STREAMED, TYPE, UNREAD, KeptBody, formatted
from audit.models import RequestBodies, RequestLog
from audit.tasks import prune_bodies
from core import clock
from core.models import SetAside
from core.principal import Mode
from core.security import crypto, sealed
from core.tenancy import system_context, tenant_context
from core.valkey import commands
from core.values import ids
from core.values.secret_fields import ENDINGS, EXACT_NAMES
from tests.audit.kept_bodies import every_plain_text, kept, make_body_row, row_of, write_all
from tests.clients import ApiClient, random_address, sign_in
from tests.factories import SYSTEM, World, make_key
from tests.threads import all_at_once

SECRET_TEXT = "Zebra crossing 4711"


def client_of(world: World, mode: Mode = "test", *scopes: str, **options: Any) -> ApiClient:
    """Return an integrator's client with a new key."""
    issued = make_key(world.company, scopes or ("customers:write", "customers:read"), mode=mode, **options)
    return ApiClient(issued.client_secret, ip=random_address())


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


def test_a_company_that_is_being_changed_delays_no_other(world: World) -> None:
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


# --- What ---------------------------------------------------------------------------------------------------------------


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


def test_a_body_is_not_lost_when_the_time_of_the_task_is_up(world: World) -> None:
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


def test_docs_list_every_secret_field_name(settings: Any) -> None:
    page = (settings.BASE_DIR / "docs" / "audit.md").read_text()
    section = page.partition("## Bodies of requests")[2].partition("## Events")[0]
    for name in (*EXACT_NAMES, *ENDINGS):
        assert f"`{name}`" in section
