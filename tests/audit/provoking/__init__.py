"""For every event that is recorded: how somebody brings it about through a public door, and who that is."""

import importlib

from tests.audit.provoking.scene import PROVOKERS, Provoker, Scene, Written

for _name in ("keys", "people", "plans", "money", "messages", "webhooks", "readers"):
    importlib.import_module(f"{__name__}.{_name}")

__all__ = ["PROVOKERS", "Provoker", "Scene", "Written"]
