"""docs/audit.md lists every recorded event and its actor, and matches the code."""

import pytest
from django.core.management import call_command

from audit.management.commands.generate_audit_docs import writers
from audit.sinks import record
from core import events
from core.resources import pomelo_apps

# Published by the place that does it and by the one that notices it: never both for one change.
TWICE = {
    "api_key.exposed": "by the guard that saw a secret cross in clear, or by somebody who found one in the open",
    "invoice.paid": "an invoice of nothing is paid when it is finalized, any other when its charge succeeds",
    "webhook_endpoint.disabled": "by a person, or by the failures of the endpoint itself",
    "message.canceled": "the class is chosen by status in messaging.events",
    "message.queued": "the class is chosen by status in messaging.events",
}


def test_committed_event_list_matches_the_code() -> None:
    call_command("generate_audit_docs", check=True)


@pytest.mark.parametrize(
    ("kind", "modules"), writers(pomelo_apps()).items(), ids=lambda value: str(value)[:40]
)
def test_each_event_is_published_in_one_place(kind: str, modules: list[str]) -> None:
    assert len(modules) == (2 if kind in TWICE else 1), modules


def test_each_event_has_one_sink_and_leaves_one_row() -> None:
    assert events._load_sinks(("audit.sinks.record",)) == (record,)
