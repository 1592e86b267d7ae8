"""Structured logs with redacted secrets, for our own code and all libraries that use `logging`."""

import logging
import logging.config
import re
from collections.abc import Iterable, MutableMapping
from typing import Any

import structlog

from core import tracing
from core.http.sparing import LogRateLimiter
from core.values.redaction import REDACTED, redact
from core.values.secret_fields import is_secret_name


def redact_log(value: Any) -> Any:
    """Return `value` with all credentials redacted, whether recognized by their form or by their field name."""
    if isinstance(value, dict):
        return {
            key: REDACTED if is_secret_name(str(key)) and item else redact_log(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact_log(item) for item in value]
    return redact(value)


class _HideLinks:
    """Removes secrets from logged URLs that grant access by themselves, such as invoice links.

    `prefixes` are the parts of the path before the secret.
    """

    def __init__(self, prefixes: Iterable[str]) -> None:
        before = "|".join(re.escape(prefix) for prefix in prefixes)
        self._secret = re.compile(rf"({before})[^/?#\s\"']+") if before else None

    def __call__(
        self, _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        if self._secret is not None:
            for name, value in event.items():
                if isinstance(value, str) and "/" in value:
                    event[name] = self._secret.sub(rf"\1{REDACTED}", value)
        return event


def _refuse_in_one_line(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    # Django logs refusals (invalid Host, too many fields) with a traceback, with which anybody could fill a disk.
    if str(event.get("logger", "")).startswith("django.security"):
        event.pop("exc_info", None)
    return event


class _RateLimitedRefusals(logging.Filter):
    """Rate-limits the logging of Django's refusals, because invalid Hosts can be sent endlessly."""

    def __init__(self) -> None:
        super().__init__()
        self._sparing = LogRateLimiter()

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.name.startswith("django.security") or self._sparing.count(record.name) is not None


def _redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    redacted: MutableMapping[str, Any] = redact_log(dict(event))
    return redacted


def _redact_exception(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    # Runs after the traceback has been formatted, because exception messages may contain secrets.
    if isinstance(event.get("exception"), str):
        event["exception"] = redact(event["exception"])
    return event


def _name_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if tracing.is_on():
        event.update(tracing.current_ids())
    return event


def configure(options: dict[str, Any]) -> None:
    """Configure logging. Called by Django at startup.

    `options` are `level`, `format` (`json` or `console`) and `links`, the path prefixes of secret links (`_HideLinks`).
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _refuse_in_one_line,
        structlog.processors.format_exc_info,
        _name_trace,
        _redact_event,
        _redact_exception,
        _HideLinks(options.get("links", ())),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if options["format"] == "json"
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structured": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                }
            },
            "filters": {"few_refusals": {"()": _RateLimitedRefusals}},
            "handlers": {
                "stderr": {
                    "class": "logging.StreamHandler",
                    "formatter": "structured",
                    "filters": ["few_refusals"],
                }
            },
            "root": {"handlers": ["stderr"], "level": options["level"]},
            # A refused request is not an incident.
            "loggers": {"django.request": {"level": "ERROR"}, "django.security": {"level": "ERROR"}},
        }
    )
