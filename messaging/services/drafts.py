"""Validates messages before they are accepted: recipients and content. Reports every problem and writes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from billing.models import Customer
from billing.selectors import get_customer
from core.errors import FieldError, FieldErrors, NotFound
from core.tenancy import require_tenant
from core.values.metadata import clean_metadata
from messaging.channels.base import Address, Channel, Checked, Content, InvalidAddress
from messaging.models import MAX_RECIPIENTS, TemplateVersion
from messaging.services.composing import compose

BULK_CHANNEL = "email"
# The maximum number of invalid items reported per batch; the first ones usually show what is wrong with the rest.
MOST_REFUSED = 20
SCHEDULE_AHEAD = timedelta(days=30)
# Tolerance for callers' clocks that run behind ours.
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Item:
    """The fields specific to one message of those accepted together. `before` prefixes its field names in errors."""

    to: Sequence[str] = ()
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    customer: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    before: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A validated item."""

    item: Item
    content: Content
    checked: Checked
    metadata: dict[str, str]
    customer: Customer | None
    addresses: list[tuple[str, Address]]


def read_items(
    way: Channel, items: Sequence[Item], same: Content, version: TemplateVersion | None
) -> list[Draft]:
    """Validate all items. Raises FieldErrors about the first MOST_REFUSED invalid ones."""
    drafts: list[Draft] = []
    problems: list[FieldError] = []
    refused = 0
    for item in items:
        try:
            drafts.append(_read_item(way, item, same, version))
        except FieldErrors as refusal:
            problems += refusal.fields
            refused += 1
            if refused == MOST_REFUSED:
                break
    if problems:
        # Problems with shared texts occur for each item, but are reported once.
        raise FieldErrors(list(dict.fromkeys(problems)))
    return drafts


def _read_item(way: Channel, item: Item, same: Content, version: TemplateVersion | None) -> Draft:
    content = replace(same, cc=item.cc, bcc=item.bcc)
    if version is not None:
        composed = compose(version, item.variables, before=item.before)
        content = replace(content, subject=composed.subject, text=composed.text, html=composed.html)
    elif item.variables:
        message = "Variables need a template: name one in `template`."
        raise FieldErrors([FieldError(f"{item.before}variables", "contradictory", message)])
    _check_bulk(way, same.bulk, cc=item.cc, bcc=item.bcc)
    checked = way.check(content)
    try:
        person = _find_customer(item.customer)
        addresses = _read_addresses(way, person, to=item.to, cc=item.cc, bcc=item.bcc)
        metadata, problems = clean_metadata(item.metadata)
        if problems:
            raise FieldErrors(problems)
    except FieldErrors as refusal:
        raise FieldErrors([_of_item(one, item) for one in refusal.fields]) from refusal
    return Draft(item, content, checked, metadata, person, addresses)


def _of_item(problem: FieldError, item: Item) -> FieldError:
    """Return the problem with the field name used by the caller: an item of a batch has a single address."""
    if not item.before:
        return problem
    return replace(problem, field=item.before + problem.field.removesuffix(".0"))


def _find_customer(public_id: str | None) -> Customer | None:
    if public_id is None:
        return None
    try:
        return get_customer(public_id)
    except NotFound as error:
        raise FieldErrors([FieldError("customer", "not_found", "There is no such customer.")]) from error


def _check_bulk(way: Channel, topic: str, **copies: Sequence[str]) -> None:
    """Reject bulk messages on channels other than email, and copies of bulk mail, since each recipient has their own link."""
    if not topic:
        return
    if way.name != BULK_CHANNEL:
        raise FieldErrors(
            [FieldError("bulk", "not_supported", f"{way.label} messages do not have this field.")]
        )
    problems = [
        FieldError(
            name, "not_supported", "Bulk mail is sent to each recipient separately: list them in `to`."
        )
        for name, group in copies.items()
        if group
    ]
    if problems:
        raise FieldErrors(problems)


def check_send_at(send_at: datetime | None, now: datetime) -> datetime:
    """Return the time to send. Raises FieldErrors for a time in the past, or too far ahead."""
    if send_at is None:
        return now
    if send_at < now - CLOCK_TOLERANCE:
        raise FieldErrors([FieldError("send_at", "in_the_past", "This time is in the past.")])
    if send_at > now + SCHEDULE_AHEAD:
        raise FieldErrors(
            [
                FieldError(
                    "send_at", "too_far_ahead", f"At most {SCHEDULE_AHEAD.days} days ahead are accepted."
                )
            ]
        )
    return max(send_at, now)


def _read_addresses(
    way: Channel, person: Customer | None, **groups: Sequence[str]
) -> list[tuple[str, Address]]:
    """Return (kind, address) of every recipient; raises FieldErrors naming each invalid one."""
    is_own = not groups["to"] and person is not None
    if person is not None and is_own:
        own = way.customer_address(person)
        if not own:
            raise FieldErrors(
                [FieldError("customer", "no_address", f"The customer has no address for {way.label}.")]
            )
        groups["to"] = [own]
    if not groups["to"]:
        raise FieldErrors([FieldError("to", "required", "Name at least one recipient, or a `customer`.")])
    if sum(len(group) for group in groups.values()) > MAX_RECIPIENTS:
        raise FieldErrors(
            [
                FieldError(
                    "to",
                    "too_many",
                    f"A message has at most {MAX_RECIPIENTS} recipients, cc and bcc included.",
                )
            ]
        )
    found: list[tuple[str, Address]] = []
    seen: set[str] = set()
    problems: list[FieldError] = []
    live = require_tenant().mode == "live"
    for kind, texts in groups.items():
        for index, text in enumerate(texts):
            field = f"{kind}.{index}"
            try:
                address = way.parse(text)
            except InvalidAddress as error:
                if is_own:
                    field = "customer"  # the caller sent no other; the address is older than its rules
                problems.append(FieldError(field, error.code, str(error)))
                continue
            if address.normalized in seen:
                problems.append(FieldError(field, "duplicate", "This address appears more than once."))
            elif live and way.magic_outcome(address.normalized) is not None:
                problems.append(
                    FieldError(
                        field, "test_address", "This address exists in test mode only: use a test key."
                    )
                )
            seen.add(address.normalized)
            found.append((kind, address))
    if problems:
        raise FieldErrors(problems)
    return found
