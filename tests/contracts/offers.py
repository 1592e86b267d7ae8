"""What a page offers to do: its forms, and the pages that its buttons lead to. For tests that each of it is accepted."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urlsplit

from django.contrib.messages import constants
from django.test import Client

from tests.contracts.forms import Form, read_forms

_BUTTON = re.compile(r'<a class="[^"]*\bbutton\b[^"]*" href="([^"]+)"')
# Pages that are read, not sent.
_READ = re.compile(r"pdf|xml|/requests/|/docs/|/deliveries/\?")


@dataclass(frozen=True)
class Offer:
    """Something that a page offers: a form on it, or a page behind a button."""

    address: str
    form: Form | None = None


def content_of(answer: Any) -> str:
    """Return the main part of a page, without the shell around it."""
    html = answer.content.decode()
    return html[html.index("<main") : html.index("</main>")]


def offers_on(answer: Any, address: str) -> list[Offer]:
    """Return what the page at `address` offers."""
    main = content_of(answer)
    forms = [form for form in read_forms(main, address=address) if form.method == "POST"]
    links = {urlsplit(unescape(href)).path for href in _BUTTON.findall(main) if not _READ.search(href)}
    return [Offer(form.action, form) for form in forms] + [Offer(link) for link in sorted(links)]


def refusal_of(client: Client, offer: Offer) -> str:
    """Take the offer up; return why it was refused, or nothing. A form that has to be filled in first is no refusal."""
    if offer.form is None:
        answer = client.get(offer.address)
        return "" if answer.status_code in (200, 302) else f"GET {offer.address}: {answer.status_code}"
    answer = client.post(offer.address, offer.form.values)
    if answer.status_code == 422:
        forms = [value for value in answer.context.flatten().values() if hasattr(value, "non_field_errors")]
        said = [text for form in forms for text in form.non_field_errors()]
        return f"POST {offer.address}: {said}" if said else ""
    queued = answer.wsgi_request._messages._queued_messages  # type: ignore[attr-defined]
    said = [str(each) for each in queued if each.level >= constants.ERROR]
    if answer.status_code not in (200, 302) or said:
        return f"POST {offer.address}: {answer.status_code} {said}"
    return ""


def refused_offers(client: Client, make: Callable[[], str]) -> list[str]:
    """Return what the page of an object offers and does not accept; `make` makes a new one for each offer."""
    refused, count, number = [], 1, 0
    while number < count:
        address = make()
        answer = client.get(address)
        assert answer.status_code == 200, (address, answer.status_code)
        offers = offers_on(answer, address)
        count = len(offers)
        if number < count:
            refused.append(refusal_of(client, offers[number]))
        number += 1
    return [each for each in refused if each]
