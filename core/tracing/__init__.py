"""Spans of OpenTelemetry, where `OTEL_EXPORTER_OTLP_ENDPOINT` is set: from a request over its event to the receiver of its webhook.

This is what other code uses. Nothing of OpenTelemetry is imported before core.tracing.export has started in a process; until then
`is_on()` is false and there are no spans. They are made here and not by instrumentation packages: those write addresses with their
queries and SQL with its values into spans, and the one for Celery loses its place when the broker is away.

A trace travels between processes as a W3C `traceparent` (https://www.w3.org/TR/trace-context/): with the event in its row, with a
task in its headers, with a delivery to its receiver.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

Kind = Literal["server", "client", "producer", "consumer", "internal"]
Attributes = Mapping[str, str | int | bool]
HEADER = "traceparent"

# Set by core.tracing.export, once per process.
tracer: "Tracer | None" = None


def is_on() -> bool:
    """Whether this process makes spans."""
    return tracer is not None


@contextmanager
def span(
    name: str, *, kind: Kind = "internal", parent: str | None = None, attributes: Attributes | None = None
) -> Iterator["Span"]:
    """Make a span of what happens inside: a child of the `traceparent` in `parent`, or else of the current span.

    What is raised inside marks it as failed and goes on. Only where `is_on()`.
    """
    from opentelemetry.trace import SpanKind, StatusCode

    assert tracer is not None
    with tracer.start_as_current_span(
        name,
        context=_context_of(parent) if parent else None,
        kind=SpanKind[kind.upper()],
        attributes=attributes,
        # The text of an exception may hold what was sent: a span has its name only.
        record_exception=False,
        set_status_on_exception=False,
    ) as made:
        try:
            yield made
        except Exception as error:
            made.set_attribute("error.type", type(error).__qualname__)
            made.set_status(StatusCode.ERROR)
            raise


def current_traceparent() -> str | None:
    """Return the `traceparent` of the current span; None outside of one, and where tracing is off."""
    if tracer is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(HEADER)


def current_ids() -> dict[str, str]:
    """Return `trace_id` and `span_id` of the current span in hexadecimal, for the log; nothing outside of one."""
    from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

    context = get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": format_trace_id(context.trace_id), "span_id": format_span_id(context.span_id)}


def _context_of(parent: str) -> Any:
    """Return the context of a `traceparent`; one that is not well-formed names no parent, so that a trace begins."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({HEADER: parent}, context=Context())
