"""Starts tracing in a process: a background thread sends spans in batches to the collector at `OTEL_EXPORTER_OTLP_ENDPOINT`.

Uses OTLP over HTTP. All other options are the SDK's own variables (`OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS`,
`OTEL_RESOURCE_ATTRIBUTES`, `OTEL_BSP_…`). If the collector is down, spans are lost, but requests are not affected.
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
    """Start exporting spans as `service`, if configured. Raises ImproperlyConfigured if the packages are missing."""
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
    """Flush pending spans and stop. For processes that exit without running exit handlers."""
    global _provider
    if _provider is not None:
        tracing.tracer = None
        _provider.shutdown()
        _provider = None
