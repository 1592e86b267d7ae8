"""OpenTelemetry spans, enabled by `OTEL_EXPORTER_OTLP_ENDPOINT`: from a request through its event to the webhook's receiver.

This is the interface for other code. OpenTelemetry is not imported until core.tracing.export has started in a process; until then
`is_on()` is false and there are no spans. We create spans ourselves because instrumentation packages put query strings and SQL
values into them, and the one for Celery loses the current span when the broker is unreachable.

Traces are propagated between processes as a W3C `traceparent` (https://www.w3.org/TR/trace-context/): in the event's row, in task
headers, and in deliveries.
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
    """Whether this process creates spans."""
    return tracer is not None


@contextmanager
def span(
    name: str, *, kind: Kind = "internal", parent: str | None = None, attributes: Attributes | None = None
) -> Iterator["Span"]:
    """Create a span for the block, as a child of the `traceparent` in `parent`, or of the current span.

    An exception marks it as failed and is re-raised. Call only if `is_on()`.
    """
    from opentelemetry.trace import SpanKind, StatusCode

    assert tracer is not None
    with tracer.start_as_current_span(
        name,
        context=_context_of(parent) if parent else None,
        kind=SpanKind[kind.upper()],
        attributes=attributes,
        # Only the name of the exception, because its message may contain request data.
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
    """Return the `traceparent` of the current span, or None if there is none or tracing is off."""
    if tracer is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(HEADER)


def current_ids() -> dict[str, str]:
    """Return `trace_id` and `span_id` of the current span in hexadecimal for the log; empty if there is none."""
    from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

    context = get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": format_trace_id(context.trace_id), "span_id": format_span_id(context.span_id)}


def _context_of(parent: str) -> Any:
    """Return the context of a `traceparent`. A malformed one is ignored, which starts a new trace."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({HEADER: parent}, context=Context())
