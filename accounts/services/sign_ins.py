"""Records sign-ins and second factors as security events (docs/architecture.md, Audit)."""

from typing import Any

from accounts.events import SignInFailed
from accounts.models import User
from accounts.selectors import memberships_of
from core.events import Event, publish, publish_unowned
from core.principal import Principal
from core.tenancy import system_context, tenant_context


def record_for_companies(*, kind: type[Event], user: User, actor: Principal, detail: dict[str, Any]) -> None:
    """Record an event about `user` in each company they belong to."""
    for membership in memberships_of(user):
        with tenant_context(membership.company.live_tenant):
            publish(kind(object_id=user.public_id, detail={"email": user.email, **detail}), actor=actor)


def record_failed_sign_in(*, email: str, actor: Principal) -> None:
    """Record a failed sign-in as `email`, whether or not the account exists."""
    with system_context(reason="failed sign-in, before anybody is known"):
        publish_unowned(SignInFailed(object_id="", detail={"email": email[:254]}), actor=actor)
