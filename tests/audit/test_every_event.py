"""Each event in docs/audit.md is triggered through a public interface, and leaves one entry with its actor."""

from collections.abc import Callable
from typing import Any

import pytest

from audit.management.commands.generate_audit_docs import writers
from audit.models import AuditEntry, StaffEntry
from audit.sentences import sentence_of
from core.events import EVENT_TYPES
from core.models import OutboxEvent
from core.resources import pomelo_apps
from core.tenancy import Tenant, system_context, tenant_context
from tests.audit.provokers import PROVOKERS
from tests.audit.scene import Scene, Written
from tests.contracts.payloads import problems_of_event
from tests.factories import World
from tests.messaging.conftest import mailhost
from tests.messaging.smtp import Mailhost
from tests.sandbox import SandboxProcess
from tests.webhooks.conftest import receiver
from tests.webhooks.receiver import Receiver
from webhooks import representations
from webhooks.catalogue import CATALOGUE

__all__ = ["mailhost", "receiver"]


@pytest.fixture
def scene(
    world: World, gateway: SandboxProcess, receiver: Receiver, mailhost: Mailhost, settings: Any
) -> Scene:
    """Fresh people, and every server outside that an event may need."""
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    return Scene(world, gateway, receiver, mailhost, settings)


def entries(kind: str, written: Written) -> list[list[AuditEntry | StaffEntry]]:
    """Return the entries of this type where they must be: in the trails of the company, or in the staff's table."""
    if written.company is None:
        with system_context(reason="test"):
            return [list(StaffEntry.objects.filter(action=kind, **written.where))]
    found: list[list[AuditEntry | StaffEntry]] = []
    for mode in ("live", "test"):
        with tenant_context(Tenant(written.company.id, mode)):
            found.append(list(AuditEntry.objects.filter(action=kind, **written.where)))
    # What concerns the company as a whole stands in both; everything else in one of them.
    return found if EVENT_TYPES[kind].company_wide else [[*found[0], *found[1]]]


def events(kind: str, written: Written) -> list[dict[str, Any]]:
    """Return the events of this type as webhooks send them, of either mode of the company."""
    assert written.company is not None
    found: list[dict[str, Any]] = []
    for mode in ("live", "test"):
        with tenant_context(Tenant(written.company.id, mode)):
            found += [representations.event(row) for row in OutboxEvent.objects.filter(type=kind)]
    return found


def test_every_event_has_a_trigger() -> None:
    assert sorted(PROVOKERS) == sorted(writers(pomelo_apps()))


@pytest.mark.parametrize("kind", sorted(PROVOKERS))
def test_event_leaves_one_entry_with_its_actor(
    scene: Scene, kind: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("audit", "tally: events provoked, each written once and by whom it was")
    written = PROVOKERS[kind](scene)
    found = entries(kind, written)
    assert [[(entry.actor_kind, entry.actor_id) for entry in trail] for trail in found] == [
        [written.by] for _ in found
    ]
    [entry] = found[0]
    assert entry.actor_name
    # It is told in a sentence of its own, of which nothing is left open.
    assert EVENT_TYPES[kind].sentence
    assert "–" not in sentence_of(entry)
    assert entry.request_id.startswith("req_") is written.has_request
    if kind in CATALOGUE:
        # What webhooks send of it is what the document says of this type.
        sent = events(kind, written)
        assert sent
        assert [problems_of_event(event) for event in sent] == [[]] * len(sent)
    with tenant_context(scene.world.other_tenant()):
        assert not AuditEntry.objects.filter(action=kind).exclude(action="company.created").exists()
