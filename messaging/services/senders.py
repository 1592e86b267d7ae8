"""Decides which sender a live message may use, when it is accepted and again when it is handed to the provider.

A leaked key that may only send must not be able to impersonate others. So live email is sent from a domain that the company has
verified, or to the company's own members only; live SMS are sent from a sender that staff have approved. Test mode sends nothing
and is exempt (docs/architecture.md, Messages).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

from accounts.selectors import current_company, owner_emails
from core.errors import DomainError
from core.security.crypto import decrypt_text
from core.setting_changes import forget_when_changed
from core.tenancy import require_tenant
from core.values.email_addresses import Mailbox, parse_mailbox, shown_name
from core.values.texts import on_one_line
from messaging.channels.base import Channel, Checked
from messaging.models import Message, Recipient
from messaging.providers.base import Proof
from messaging.selectors import senders as selectors
from messaging.selectors.senders import Senders
from messaging.signing import Signer
from messaging.verification import RETURN_LABEL

# The default sender: this local part at the domain that was verified first.
DEFAULT_LOCAL_PART = "no-reply"


class SenderNotVerified(DomainError):
    """The company has not proved that it may send as `from`. Live messages only; in test mode every sender is accepted."""

    code = "sender_not_verified"
    status = 403
    title = "The sender is not verified"
    fix = (
        "Email: add the domain at POST /v1/sender_domains or on the page Messages → Senders, set its DNS records, and send "
        "again once it is `verified`. Without one, leave out `from` and send only to members of your own "
        "company. SMS: request a number or name on the same page; staff approve it."
    )
    page_fix = (
        "Email: add the domain at Messages → Senders, set its DNS records, and send again once it is verified. Without one, "
        "leave the sender empty and send only to members of your own company. SMS: request a number or name on the same page; "
        "staff approve it."
    )


@dataclass(frozen=True, slots=True)
class Chosen:
    """The sender of a message being accepted, where replies go, and whether its recipients must be members."""

    sender: str
    reply_to: list[str]
    members_only: bool = False


def operator_address() -> str:
    """Return the operator's own address in canonical form."""
    return parse_mailbox(settings.MESSAGING_EMAIL_FROM).normalized


def choose_sender(way: Channel, checked: Checked, *, is_named: bool) -> Chosen:
    """Return the sender of a message of the current tenant, whether or not the caller named one in `checked.sender`.

    Raises SenderNotVerified.
    """
    if require_tenant().mode != "live" or way.senders == "operator":
        return Chosen(checked.sender, checked.reply_to)
    if way.senders == "approved":
        return Chosen(_choose_approved(checked.sender if is_named else ""), checked.reply_to)
    return _choose_email(checked, is_named=is_named)


def require_members(addresses: Sequence[str]) -> None:
    """Restrict a message from the operator's address to members. Raises SenderNotVerified naming the first non-member."""
    members = selectors.member_emails()
    for address in addresses:
        if address not in members:
            raise SenderNotVerified(
                f"Your company has no verified domain, so live email only goes to its own members; {address} is not one.",
                facts={"channel": "email", "recipient": address},
            )


def _choose_email(checked: Checked, *, is_named: bool) -> Chosen:
    domains = selectors.proved_domains()
    address = parse_mailbox(checked.sender).normalized
    host = address.rpartition("@")[2]
    if is_named and any(selectors.covers(domain, host) for domain in domains):
        return Chosen(checked.sender, checked.reply_to)
    if is_named and address != operator_address():
        raise SenderNotVerified(
            f"Your company has not verified {host}.",
            facts={"channel": "email", "from": checked.sender, "domain": host},
        )
    if domains:
        return Chosen(_as_company(f"{DEFAULT_LOCAL_PART}@{domains[0]}"), checked.reply_to)
    own = parse_mailbox(settings.MESSAGING_EMAIL_FROM).address
    return Chosen(_as_company(own), checked.reply_to or sorted(owner_emails())[:1], members_only=True)


def _as_company(address: str) -> str:
    name = on_one_line(current_company().name)
    return str(Mailbox(address, shown_name(name, address=address)))


def _choose_approved(wanted: str) -> str:
    approved = selectors.approved_sms_senders()
    for row in approved:
        if not wanted or row.sender_normalized == wanted.lower():
            return row.sender
    named = (
        f"{wanted} is not an approved SMS sender of your company"
        if wanted
        else "Your company has no SMS sender"
    )
    raise SenderNotVerified(f"{named}.", facts={"channel": "sms", "from": wanted or None})


# --- when it is handed over ---------------------------------------------------------------------------------------------


# One per sending domain; re-encrypting a key changes its cache key.
@lru_cache(maxsize=256)
def _opened(private_key: str) -> str:
    return decrypt_text(private_key)


forget_when_changed(_opened.cache_clear, "FIELD_ENCRYPTION_KEYS")


@lru_cache(maxsize=1024)
def _address_of(sender: str) -> str:
    return parse_mailbox(sender).normalized


def prove(message: Message, recipients: Sequence[Recipient], way: Channel, senders: Senders) -> Proof | None:
    """Return why `message` must not be sent with its sender; None if it may be.

    What was true when it was accepted may have changed: a domain lapsed or was removed, a member left, staff revoked a sender.
    Raises core.security.crypto.Undecryptable for a key that this installation cannot decrypt.
    """
    if message.mode != "live" or way.senders == "operator":
        return Proof(message.sender)
    if way.senders == "approved":
        return Proof(message.sender) if message.sender.lower() in senders.sms else None
    address = _address_of(message.sender)
    host = address.rpartition("@")[2]
    domain = senders.domain_of(host)
    if domain is not None:
        key = next((key for key in domain.keys if key.verified), domain.keys[0])
        return Proof(
            message.sender,
            signer=Signer(domain.domain, key.selector, _opened(key.private_key)),
            return_host=f"{RETURN_LABEL}.{domain.domain}" if domain.returns else "",
        )
    if address == operator_address() and all(row.address_normalized in senders.members for row in recipients):
        return Proof(message.sender)
    return None
