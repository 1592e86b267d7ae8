"""Lists sorted by amount are grouped by currency, across pages and in both directions."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from tests.billing.factories import make_invoice, make_settled_charge
from tests.clients import sign_in
from tests.contracts.offers import content_of
from tests.factories import World

RULE = "Sorted by currency, then by amount"
AMOUNTS = [("EUR", 500), ("USD", 70), ("JPY", 90_000), ("EUR", 500), ("USD", 1_200), ("EUR", 20)]


def make_invoices(world: World) -> dict[str, tuple[str, int]]:
    return {
        make_invoice(
            world.tenant(),
            currency=currency,
            lines=[{"description": "x", "quantity": "1", "unit_amount": amount}],
        ).public_id: (currency, amount)
        for currency, amount in AMOUNTS
    }


def make_charges(world: World) -> dict[str, tuple[str, int]]:
    return {
        make_settled_charge(world.tenant(), currency=currency, amount=amount).public_id: (currency, amount)
        for currency, amount in AMOUNTS
    }


def listed(browser: Client, path: str, sort: str) -> list[str]:
    """Return the IDs of all rows, following the links of pages with two rows each."""
    found: list[str] = []
    address = f"{path}?sort={sort}&limit=2"
    while address:
        page = content_of(browser.get(address))
        assert RULE in page
        body = page[page.index("<tbody") : page.index("</tbody>")]
        found += re.findall(r'class="cell-title[^"]*" href="[^"]*/((?:in|ch)_\w+)/"', body)
        following = re.search(r'href="([^"]+)" rel="next"', page)
        address = following[1].replace("&amp;", "&") if following else ""
    return found


@pytest.mark.parametrize(
    ("path", "sort", "make"), [("/invoices/", "total", make_invoices), ("/charges/", "amount", make_charges)]
)
def test_amounts_are_sorted_within_each_currency(
    path: str, sort: str, make: Callable[[World], dict[str, tuple[str, int]]], world: World
) -> None:
    made = make(world)
    browser = sign_in(world.owner, world.company)

    up, down = listed(browser, path, sort), listed(browser, path, f"-{sort}")

    assert [made[each] for each in up] == [
        ("EUR", 20), ("EUR", 500), ("EUR", 500), ("JPY", 90_000), ("USD", 70), ("USD", 1_200),
    ]  # fmt: skip
    assert down == up[::-1]
    assert RULE not in content_of(browser.get(path))
