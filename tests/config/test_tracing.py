"""Traces span a request and its webhook delivery, as a collector sees them; nothing is sent when tracing is off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import structlog
from django.conf import settings
from django.test import override_settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from core import tracing
from core.operations import logging
from tests.engines import ROOT
from tests.factories import make_key, make_world
from tests.live import free_port, web_process
from tests.serving import serving
from tests.waiting import wait_until
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import make_endpoint

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
WORK = """
import django
django.setup()
from core.tracing import export
from webhooks.delivery.pump import drain
export.start("pomelo-worker")
drain()
export.stop()
"""
# redis imports the SDK's metrics by itself where they are installed; what makes and sends spans nobody else does.
LOOK = """
import django, sys
django.setup()
import config.wsgi, config.worker_metrics
loaded = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "core.tracing.middleware")
print(sorted(name for name in sys.modules if name.startswith(loaded)))
"""


class Collector:
    """An OTLP/HTTP collector that keeps what it is sent."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Span]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = ExportTraceServiceRequest.FromString(
                    self.rfile.read(int(self.headers["Content-Length"]))
                )
                for group in sent.resource_spans:
                    [service] = [
                        a.value.string_value for a in group.resource.attributes if a.key == "service.name"
                    ]
                    outer.spans += [(service, span) for scope in group.scope_spans for span in scope.spans]
                self.send_response(200 if self.path == "/v1/traces" else 404)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def of_trace(self) -> dict[str, tuple[str, Span]]:
        return {span.name: (service, span) for service, span in self.spans if span.trace_id.hex() == TRACE}

    def wait_for(self, name: str) -> None:
        wait_until(lambda: name in self.of_trace(), lambda: [span.name for _, span in self.spans])


@contextmanager
def collector() -> Iterator[Collector]:
    collecting = Collector()
    with serving(collecting.server):
        yield collecting


def work(script: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def attributes(span: Span) -> dict[str, Any]:
    return {a.key: a.value.string_value or a.value.int_value for a in span.attributes}


def test_trace_spans_the_request_and_its_webhook_delivery() -> None:
    with collector() as collecting, Receiver() as receiver:
        # given a company with one endpoint that answers and one where nobody listens, and processes that trace
        world = make_world()
        with override_settings(WEBHOOK_ALLOWED_NETWORKS=["127.0.0.0/8"]):
            make_endpoint(world.tenant(), receiver.url, events=["customer.*"])
            make_endpoint(world.tenant(), f"http://127.0.0.1:{free_port()}/", events=["customer.*"])
        key = make_key(world.company, scopes=["customers:write"])
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collecting.url,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
            "LOG_LEVEL": "INFO",
            "LOG_FORMAT": "json",
        }
        # when a caller with a trace of its own makes a customer, and a worker delivers what follows
        with web_process(environment=environment) as web:
            answer = web.request(
                "POST",
                "/v1/customers",
                secret=key.client_secret,
                headers={"traceparent": f"00-{TRACE}-{CALLER}-01"},
                body={"name": "Ada"},
            )
            collecting.wait_for("POST /v1/customers")
        worked = work(WORK, environment)
        # then the caller's trace goes on through all of it
        assert answer.status == 201, answer.content
        found = collecting.of_trace()
        web_service, request = found["POST /v1/customers"]
        worker_service, relayed = found["webhooks.relay"]
        assert (web_service, worker_service) == ("pomelo-web", "pomelo-worker")
        assert request.parent_span_id.hex() == CALLER
        assert relayed.parent_span_id == request.span_id
        delivered = [span for _, span in collecting.spans if span.name == "webhooks.deliver"]
        assert {span.parent_span_id for span in delivered} == {relayed.span_id}
        assert {span.trace_id.hex() for span in delivered} == {TRACE}
        assert attributes(request)["pomelo.request_id"] == answer.headers["x-request-id"]
        assert attributes(request)["http.response.status_code"] == 201
        # and the receiver is told, by the span of its own delivery
        [got] = receiver.received
        [mine] = [span for span in delivered if attributes(span).get("http.response.status_code") == 200]
        assert got.headers["traceparent"] == f"00-{TRACE}-{mine.span_id.hex()}-01"
        # and the worker's log names trace and span of the one that failed
        [other] = [span for span in delivered if span is not mine]
        [line] = [
            json.loads(text) for text in worked.stderr.splitlines() if "webhooks.attempt_failed" in text
        ]
        assert (line["trace_id"], line["span_id"]) == (TRACE, other.span_id.hex())
        assert line["event_id"] == got.id
        assert attributes(other)["error.type"] == "connection_failed"


class Leaky(ValueError):
    """An error whose text holds what was sent."""


def test_failed_span_names_the_error_type_only(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "tracer", provider.get_tracer("tests"))
    with pytest.raises(Leaky), tracing.span("work"):
        raise Leaky("pm_live_secret")
    [failed] = exporter.get_finished_spans()
    assert (failed.status.status_code, failed.attributes) == (StatusCode.ERROR, {"error.type": "Leaky"})
    assert "pm_live_secret" not in failed.to_json()


def test_log_lines_include_the_trace_id_under_all_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tracing, "tracer", TracerProvider().get_tracer("tests"))
    try:
        logging.configure({"level": "INFO", "format": "json"})
        with tracing.span("work"):
            structlog.get_logger("tests").warning("tests.worked")
            expected = tracing.current_ids()
    finally:
        logging.configure(settings.LOGGING)
    line = json.loads(capsys.readouterr().err)
    assert {name: line.get(name) for name in expected} == expected


def test_opentelemetry_is_not_imported_when_tracing_is_off() -> None:
    assert work(LOOK, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}).stdout.strip() == "[]"
