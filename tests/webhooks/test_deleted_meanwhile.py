"""A concurrently deleted endpoint is neither deleted again nor changed."""

from collections.abc import Callable

import pytest

from audit.models import AuditEntry
from core.errors import NotFound
from core.tenancy import tenant_context
from tests.factories import SYSTEM, World
from tests.webhooks.steps import make_endpoint
from webhooks.models import Endpoint
from webhooks.services.endpoints import delete_endpoint, update_endpoint
from webhooks.services.secrets import rotate_secret


@pytest.mark.parametrize(
    "again",
    [
        lambda row: delete_endpoint(endpoint=row, actor=SYSTEM),
        lambda row: update_endpoint(endpoint=row, actor=SYSTEM, description="mine"),
        lambda row: rotate_secret(endpoint=row, actor=SYSTEM, overlap="none"),
    ],
)
def test_object_deleted_concurrently_is_not_found(world: World, again: Callable[[Endpoint], object]) -> None:
    read, _ = make_endpoint(world.tenant(), "https://example.com/hook")
    with tenant_context(world.tenant()):
        delete_endpoint(endpoint=Endpoint.objects.get(id=read.id), actor=SYSTEM)

        with pytest.raises(NotFound):
            again(read)

        message = AuditEntry.objects.filter(target_id=read.public_id).values_list("action", flat=True)
        assert sorted(message) == ["webhook_endpoint.created", "webhook_endpoint.deleted"]
