"""The last stage: every finished request is handed, as one dict, to what `settings.API_REQUEST_LOG` names."""

from typing import Any


def discard(entry: dict[str, Any]) -> None:
    """Keep nothing: used where no audit app is configured."""
