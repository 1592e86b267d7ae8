"""A trigger for each recorded event through a public interface, and its actor.

Each app's `provoking` module has those of its own events. `<object>.created`, `.updated` and `.deleted` need none if the API has
the operation and a sample: a key calls it.
"""

from core.events import EVENT_TYPES
from core.resources import list_resources
from tests.audit.scene import PROVOKERS, Provoker, Scene, Written
from tests.contracts.by_app import rooms
from tests.contracts.operations import Operation, list_operations, sample_body, sample_id

_METHODS = {"created": "POST", "updated": "PATCH", "deleted": "DELETE"}


def _by_operation(operation: Operation) -> Provoker:
    def call(scene: Scene) -> Written:
        tenant = scene.world.tenant()
        path = operation.path(sample_id(operation, tenant) if operation.parameters else "")
        client = scene.api(*operation.scopes[:1])
        answer = client.request(operation.method, path, sample_body(operation, tenant))
        assert answer.status < 300, answer
        return scene.by_key()

    return call


def _add_operations() -> None:
    collections = {found.object: found.name for found in list_resources()}
    operations = {(one.method, one.name.partition(" ")[2]): one for one in list_operations()}
    for kind in EVENT_TYPES:
        about, _, what = kind.partition(".")
        method, collection = _METHODS.get(what), collections.get(about)
        for (found, path), operation in operations.items():
            below = path.removeprefix(f"/v1/{collection}")
            is_its = below == "" if method == "POST" else below.startswith("/") and below.count("/") == 1
            if kind not in PROVOKERS and found == method and is_its:
                PROVOKERS[kind] = _by_operation(operation)


rooms("provoking")
_add_operations()

__all__ = ["PROVOKERS"]
