"""Sender domains: adds them, requests checks of their records, rotates their keys, and deletes them."""

import secrets
from collections.abc import Sequence

from django.conf import settings

from core import clock
from core.background import jobs
from core.errors import DomainError, FieldError, FieldErrors, TemporarilyUnavailable
from core.events import publish
from core.postgres.turns import take_turn
from core.principal import Principal
from core.security import crypto
from core.tenancy import Tenant, require_tenant, tenant_context
from core.values.email_addresses import InvalidEmail
from messaging import signing
from messaging.events import SenderDomainCreated, SenderDomainDeleted, SenderDomainKeyRotated
from messaging.models import DkimKey, SenderDomain
from messaging.verification import clean_domain

CHECK_TASK = "messaging.check_domains"
# One to sign with and one as a fallback. Their selectors are unique, so that two services, or two companies that share a domain, do
# not overwrite each other's records.
KEYS = 2


class SenderDomainExists(DomainError):
    """The company has added this domain before."""

    code = "sender_domain_exists"
    status = 409
    title = "This domain has already been added"
    fix = "Nothing to add: `error.sender_domain` is the existing domain."
    page_fix = "Nothing to add: it is in the list of domains."


class NoKeyToRotateTo(DomainError):
    """The domain has no second DKIM key whose record was found, so that nothing could sign until a new one is set."""

    code = "no_key_to_rotate_to"
    status = 409
    title = "There is no other key to sign with"
    fix = "Set the records of both DKIM keys, wait until both are `found`, and rotate then."
    page_fix = "Set the records of both DKIM keys, wait until both are found, and rotate then."


class TooManySenderDomains(DomainError):
    """The company has as many domains as it may have."""

    code = "too_many_sender_domains"
    status = 409
    title = "Domain limit reached"
    fix = "Remove one that is not used. Subdomains are covered by their domain."


# The private half as PEM, and the public half.
Key = tuple[str, str]


def prepare_keys(*, tenant: Tenant, domain: str) -> Sequence[Key]:
    """Generate the keys for a domain to be added to `tenant`. Call it before the transaction of `add_domain`.

    This takes tenths of a second of CPU time, so no keys are generated for a domain that `add_domain` would refuse.
    """
    try:
        with tenant_context(tenant):
            _require_new(_cleaned(domain))
            _require_room()
    except DomainError:
        return ()  # add_domain raises the error
    return tuple(signing.new_key() for _ in range(KEYS))


def add_domain(*, actor: Principal, domain: str, keys: Sequence[Key]) -> SenderDomain:
    """Add a domain with the keys that `prepare_keys` generated; nothing can be sent from it before its records are found.

    Raises FieldErrors, SenderDomainExists and TooManySenderDomains; TemporarilyUnavailable if it would have been refused when the
    keys were to be generated, and would not be any more.
    """
    name = _cleaned(domain)
    tenant = require_tenant()
    # Concurrent requests must neither both take the last place nor both add the same domain.
    take_turn(f"sender domains {tenant.company_id} {tenant.mode}")
    _require_new(name)
    _require_room()
    if not keys:
        raise TemporarilyUnavailable("Another change to your domains was made at the same time.")
    now = clock.now()
    row: SenderDomain = SenderDomain.objects.create(
        domain=name, token=secrets.token_hex(20), next_check_at=now, created=now, updated=now
    )
    for key in keys:
        _add_key(row, key)
    publish(SenderDomainCreated(object_id=row.public_id, detail={"domain": name}), actor=actor)
    jobs.enqueue(CHECK_TASK)
    return row


def prepare_key(*, tenant: Tenant, public_id: str) -> Sequence[Key]:
    """Generate the new key for `rotate_key`. Call it before its transaction: see `prepare_keys`."""
    try:
        with tenant_context(tenant):
            check_rotate_key(list(SenderDomain.by_public_id(public_id).keys.order_by("id")))
    except DomainError:
        return ()  # rotate_key raises the error
    return (signing.new_key(),)


def rotate_key(*, domain: SenderDomain, actor: Principal, keys: Sequence[Key]) -> SenderDomain:
    """Make the domain's second key the signing key, delete the first one, and add the key that `prepare_key` generated.

    No mail goes unsigned: the second key's record has already been found. Mail in transit is still verified with the first one's
    record, which the company removes a few days later. Raises NoKeyToRotateTo; TemporarilyUnavailable as `add_domain` does.
    """
    row = domain.locked()
    retired, *others = row.keys.order_by("id")
    check_rotate_key([retired, *others])
    if not keys:
        raise TemporarilyUnavailable("Another change to the domain was made at the same time.")
    retired.delete()
    added = _add_key(row, keys[0])
    row.next_check_at = row.updated = clock.now()
    row.save(update_fields=["next_check_at", "updated"])
    publish(
        SenderDomainKeyRotated(
            object_id=row.public_id,
            detail={"domain": row.domain, "retired": retired.selector, "added": added.selector},
        ),
        actor=actor,
    )
    jobs.enqueue(CHECK_TASK)
    return row


def check_rotate_key(keys: Sequence[DkimKey]) -> None:
    """Raise NoKeyToRotateTo while the second of a domain's `keys`, oldest first, cannot sign yet."""
    if not any(key.verified for key in keys[1:]):
        raise NoKeyToRotateTo("The record of the domain's second DKIM key has not been found yet.")


def _add_key(domain: SenderDomain, key: Key) -> DkimKey:
    private, public = key
    return DkimKey.objects.create(
        domain=domain,
        selector=f"pm{secrets.token_hex(4)}",
        public_key=public,
        private_key=crypto.encrypt_text(private),
    )


def _cleaned(domain: str) -> str:
    try:
        return clean_domain(domain)
    except InvalidEmail as error:
        raise FieldErrors(
            [FieldError("domain", "invalid_domain", "Write a domain such as example.com.")]
        ) from error


def _require_new(name: str) -> None:
    if found := SenderDomain.objects.filter(domain=name).first():
        raise SenderDomainExists(f"{name} has already been added.", facts={"sender_domain": found.public_id})


def _require_room() -> None:
    most = settings.SENDER_DOMAINS_PER_COMPANY
    if SenderDomain.objects.count() >= most:
        raise TooManySenderDomains(f"A company has at most {most} domains in each mode.")


def request_check(*, domain: SenderDomain) -> SenderDomain:
    """Schedule an immediate check of the records by a worker, since it takes seconds.

    If one is already running, another follows it.
    """
    now = clock.now()
    row = domain.locked()
    waits_already = row.next_check_at is not None and row.next_check_at <= now and row.claimed_until is None
    if not waits_already:
        row.next_check_at = now
        row.save(update_fields=["next_check_at"])
    jobs.enqueue(CHECK_TASK)
    return row


def delete_domain(*, domain: SenderDomain, actor: Principal) -> None:
    """Remove a domain and its keys. Messages from it that are still queued fail with `sender_not_verified`. Raises NotFound."""
    public_id, name = domain.public_id, domain.domain
    domain.locked().delete()
    publish(SenderDomainDeleted(object_id=public_id, detail={"domain": name}), actor=actor)
