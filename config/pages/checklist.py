"""The first steps of a new company and the security checklist, derived from the company's actual state.

Pure functions from facts to checks. A check that cannot be verified here (where a secret is stored, whether a receiver verifies
signatures) says so instead of claiming to be done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from apikeys import advisor
from apikeys.models import ApiKey
from apikeys.restrictions import ANY_ORIGIN, restricts_nothing
from apikeys.selectors import EXPIRES_SOON, UNUSED_AFTER
from core.api.scopes import SCOPES
from core.models import IDEMPOTENCY_HOURS
from core.principal import Mode
from webhooks.models import Endpoint
from webhooks.retry import RETRIED_FOR

State = Literal["done", "problem", "unknown", "not_applicable"]


@dataclass(frozen=True, slots=True)
class Check:
    """One item of a list: whether it is done, and where to do it.

    `mode`: the step belongs to that mode, so from the other one the button goes through the mode switch (a POST).
    `done_at`: the URL of the action itself, if the page at `url` is open to more people than the action.
    """

    state: State
    title: str
    text: str
    url: str = ""
    action: str = ""
    mode: Mode | None = None
    done_at: str = ""


@dataclass(frozen=True, slots=True)
class SetupProgress:
    """What the company has set up in either mode: the first steps do not differ by mode."""

    key: bool
    call: bool
    customer: bool
    endpoint: bool

    @property
    def everything(self) -> bool:
        """Whether everything has been set up."""
        return self.key and self.call and self.customer and self.endpoint

    def __or__(self, other: "SetupProgress") -> "SetupProgress":
        """What either of the two has."""
        return SetupProgress(
            self.key or other.key,
            self.call or other.call,
            self.customer or other.customer,
            self.endpoint or other.endpoint,
        )


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """The inputs of the lists. `keys` are the active ones of the current mode, with secrets prefetched."""

    now: datetime
    mode: str
    keys: Sequence[ApiKey]
    scope_uses: Mapping[UUID, Mapping[str, datetime]]
    ever: "SetupProgress"
    endpoints: int
    failing_endpoints: Sequence[Endpoint]
    against_policy: Sequence[ApiKey]
    members: int
    has_idempotent_write: bool
    own_second_factor: bool


def first_steps(facts: CompanyFacts) -> list[Check]:
    """The first steps of a new company, in order."""
    return [
        _step(
            facts.ever.key,
            "Create a key",
            "Start with a test key: nothing is actually sent or charged.",
            "/keys/new/",
            "Create test key",
            mode="test",
        ),
        _step(
            facts.ever.call,
            "Make the first call",
            "Ask the API whose key you have; the quickstart has the request ready to paste.",
            "/docs/quickstart/",
            "Quickstart",
        ),
        _step(
            facts.ever.customer,
            "Add a customer",
            "With the API or on this dashboard; invoices, charges and messages start with one.",
            "/customers/",
            "Customers",
        ),
        _step(
            facts.ever.endpoint,
            "Receive webhooks",
            f"Signed events sent to your server, with retries for {RETRIED_FOR} and a log of every attempt.",
            "/webhooks/create/",
            "Add endpoint",
        ),
        _step(
            facts.members > 1,
            "Invite your team",
            "Developers create keys, viewers only look, and no one has to share a password.",
            "/team/",
            "Invite",
            done_at="/team/invite/",
        ),
        _step(
            facts.own_second_factor,
            "Protect your sign-in",
            "A passkey or an authenticator app, so that a stolen password is not enough.",
            "/profile/",
            "Set up",
        ),
    ]


def needs_care(facts: CompanyFacts) -> list[Check]:
    """Current problems, or those expected within days, beyond the security checklist, each with the page that fixes it."""
    found = [
        Check(
            "problem",
            f"Webhooks do not reach {endpoint.url}",
            f"It responds with errors. Failed deliveries are retried for {RETRIED_FOR}."
            if endpoint.enabled
            else "It was disabled after failing. Pending deliveries are kept, and sent once it is enabled again.",
            f"/webhooks/{endpoint.public_id}/",
            "See why",
        )
        for endpoint in facts.failing_endpoints
    ]
    ending = [key for key in facts.keys if key.expires_at and key.expires_at - facts.now <= EXPIRES_SOON]
    if ending:
        text = f"{_names(ending)}: what uses {'it' if len(ending) == 1 else 'them'} is refused afterwards."
        found.append(
            Check(
                "problem", "Keys expire within 7 days", text, f"{_page(ending[0])}edit/", "Choose a later day"
            )
        )
    if facts.against_policy:
        text = f"{_names(facts.against_policy)}: kept working, and not rotated before it is edited."
        found.append(
            Check(
                "problem",
                "Keys that violate the company's policy",
                text,
                f"{_page(facts.against_policy[0])}edit/",
                "Edit",
            )
        )
    return found


def security_checklist(facts: CompanyFacts) -> list[Check]:
    """The checklist of the requirements, each line answered from the company's own keys where that is possible."""
    if not facts.keys:
        return []
    return [
        _secret_kept_well(facts),
        _least_scopes(facts),
        _bound_to_places(facts),
        _idempotency(facts),
        _signatures(facts),
        _rotation(facts),
        _unused(facts),
    ]


def _step(
    done: bool, title: str, text: str, url: str, action: str, *, mode: Mode | None = None, done_at: str = ""
) -> Check:
    return Check("done", title, text) if done else Check("unknown", title, text, url, action, mode, done_at)


def _secret_kept_well(facts: CompanyFacts) -> Check:
    title = "Secrets stored server-side"
    leaked = [key for key in facts.keys if key.leaked_at is not None]
    if leaked:
        return Check(
            "problem",
            title,
            f"{_names(leaked)}: reported as leaked. Rotate or revoke.",
            _page(leaked[0]),
            "Open",
        )
    return Check(
        "unknown",
        title,
        "In the environment or a secret manager, never in client code or git. Pomelo cannot check this; the "
        "scanner pattern in the documentation finds secrets in your repositories.",
        "/docs/authentication/",
        "Pattern",
    )


def _least_scopes(facts: CompanyFacts) -> Check:
    title = "Keys have the least scopes they need"
    wide = [key for key in facts.keys if _advice_codes(facts, key) & {"unused_scopes"}]
    if wide:
        return Check(
            "problem", title, f"{_names(wide)}: scopes not used in 30 days.", f"{_page(wide[0])}edit/", "Trim"
        )
    if not any(key.last_used_at and facts.now - key.created >= UNUSED_AFTER for key in facts.keys):
        text = "No key has been in use for 30 days yet, so this cannot be assessed yet."
        return Check("not_applicable", title, text)
    return Check("done", title, "No key has a scope that it has not needed for 30 days.")


def _bound_to_places(facts: CompanyFacts) -> Check:
    title = "Keys bound to your servers and sites"
    open_browser = [
        key
        for key in facts.keys
        if key.kind == ApiKey.Kind.BROWSER
        and (ANY_ORIGIN in key.allowed_origins or any(SCOPES[scope].writes for scope in key.scopes))
    ]
    if open_browser:
        text = f"{_names(open_browser)}: a browser key for any site, or one that can write or send."
        return Check("problem", title, text, f"{_page(open_browser[0])}edit/", "Restrict")
    unbound = [
        key
        for key in facts.keys
        if key.kind == ApiKey.Kind.SERVER and restricts_nothing(key.allowed_networks) and key.mode == "live"
    ]
    if unbound:
        text = f"{_names(unbound)}: works from any address."
        return Check("problem", title, text, f"{_page(unbound[0])}edit/", "Add addresses")
    if all(key.kind == ApiKey.Kind.SERVER and key.mode == "test" for key in facts.keys):
        return Check(
            "not_applicable", title, "Test keys cannot reach live data, so they can be used from anywhere."
        )
    return Check("done", title, "Browser keys list their origins, and live server keys their addresses.")


def _idempotency(facts: CompanyFacts) -> Check:
    title = "Idempotency-Key on every create, charge and send"
    if facts.has_idempotent_write:
        return Check(
            "done",
            title,
            f"Writes of the last {IDEMPOTENCY_HOURS} carried one, so retries cannot duplicate them.",
        )
    if not any(SCOPES[scope].writes for key in facts.keys for scope in key.scopes):
        return Check("not_applicable", title, "No key can write, so there is nothing to repeat.")
    text = f"No write of the last {IDEMPOTENCY_HOURS} carried one. With it, a retry can never create or charge twice."
    return Check("unknown", title, text, "/docs/quickstart/", "How")


def _signatures(facts: CompanyFacts) -> Check:
    title = "Webhook signatures verified"
    if not facts.endpoints:
        return Check("not_applicable", title, "This mode has no webhook endpoint.")
    text = "Pomelo cannot check whether your receiver does it; the documentation shows how in six languages."
    return Check("unknown", title, text, "/docs/webhooks/", "How")


def _rotation(facts: CompanyFacts) -> Check:
    title = "A rotation schedule is in place"
    due = [key for key in facts.keys if advisor.rotation_state(key, facts.now).is_due]
    if due:
        return Check("problem", title, f"{_names(due)}: due now.", f"{_page(due[0])}rotate/", "Rotate")
    without = [key for key in facts.keys if key.rotation_days is None and key.expires_at is None]
    if without:
        text = f"{_names(without)}: neither a reminder nor an expiry."
        return Check("problem", title, text, f"{_page(without[0])}edit/", "Set one")
    return Check("done", title, "Every key has a reminder or an expiry, and none is overdue.")


def _unused(facts: CompanyFacts) -> Check:
    title = "Unused keys revoked"
    idle = [key for key in facts.keys if advisor.unused_for(key, facts.now)]
    if idle:
        text = f"{_names(idle)}: not used for 30 days or more."
        return Check("problem", title, text, f"{_page(idle[0])}revoke/", "Revoke")
    return Check("done", title, "Every key has been used in the last 30 days, or is new.")


def _advice_codes(facts: CompanyFacts, key: ApiKey) -> set[str]:
    working = [secret for secret in key.secrets.all() if secret.revoked_at is None]
    return {item.code for item in advisor.advise(key, working, facts.scope_uses.get(key.id, {}), facts.now)}


def _names(keys: Sequence[ApiKey]) -> str:
    shown = ", ".join(key.name for key in keys[:3])
    return shown if len(keys) <= 3 else f"{shown} and {len(keys) - 3} more"


def _page(key: ApiKey) -> str:
    return f"/keys/{key.public_id}/"
