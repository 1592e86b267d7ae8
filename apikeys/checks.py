"""System checks of rate-limit policies: each needs a number in the tier, and two classes must not define it differently."""

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

from billing.entitlements import LIMIT_NAMES
from core.api.operations import mounted_throttles


@register(Tags.security)
def check_policies(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check that every policy an endpoint uses has a number in the tier and a bucket of its own."""
    found: list[CheckMessage] = []
    owners: dict[str, type] = {}
    for throttle in mounted_throttles():
        name = throttle.__qualname__
        if throttle.limit not in LIMIT_NAMES:
            found.append(
                Error(
                    f"{name}.limit is {throttle.limit}, which is not a tier limit.",
                    hint=f"Use one of {', '.join(LIMIT_NAMES)} (billing.entitlements.Limits).",
                    id="pomelo.E007",
                )
            )
        owner = owners.setdefault(throttle.policy, throttle)
        if owner is not throttle:
            found.append(
                Error(
                    f"{name} and {owner.__qualname__} both define the policy {throttle.policy}: they would share a bucket.",
                    id="pomelo.E008",
                )
            )
    return found
