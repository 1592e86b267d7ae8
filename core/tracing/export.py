"""Starts tracing in a process: spans are sent to the collector of `OTEL_EXPORTER_OTLP_ENDPOINT`, in batches, from a thread of their own.

OTLP over HTTP. What else the SDK knows is set by its own variables (`OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS`,
`OTEL_RESOURCE_ATTRIBUTES`, `OTEL_BSP_…`). A collector that is away costs spans, never a request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from core import tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_provider: TracerProvider | None = None


def start(service: str) -> None:
    """Let this process export spans as `service`, if the setting says so. Raises ImproperlyConfigured without the packages."""
    global _provider
    if not settings.OTEL_EXPORTER_OTLP_ENDPOINT or _provider is not None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ImproperlyConfigured(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: pip install --require-hashes --requirement "
            "requirements/tracing.txt (the image: --build-arg REQUIREMENTS=tracing)."
        ) from error
    _provider = TracerProvider(resource=Resource.create({"service.name": service}))
    address = f"{settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip('/')}/v1/traces"
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address)))
    tracing.tracer = _provider.get_tracer("pomelo")


def stop() -> None:
    """Send what waits, and make no more spans: before a process ends that runs no exit handlers."""
    global _provider
    if _provider is not None:
        tracing.tracer = None
        _provider.shutdown()
        _provider = None
