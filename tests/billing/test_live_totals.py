"""The totals of a draft while its form is filled in: same arithmetic as invoices, nothing saved."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.test import Client

from billing.models import Customer, Invoice
from core.tenancy import tenant_context
from tests.factories import World, make_customer

Login = Callable[..., Client]


def shown(browser: Client, customer: Customer, **fields: str) -> tuple[list[str], list[str]]:
    """Return the amounts shown beside each line and below them."""
    form = {"customer": customer.public_id, "currency": "EUR", **fields}
    page = browser.post("/invoices/totals/", form).content.decode()
    lines = re.findall(r"<output[^>]*>([^<]*)</output>", page)
    return lines, re.findall(r"<dd>(?:<strong>)?([^<]*)", page) or re.findall(r'class="dim">([^<]*)', page)


def line(number: int, price: str, quantity: str = "1", tax: str = "", discount: str = "") -> dict[str, str]:
    prefix = f"line{number}"
    return {
        f"{prefix}-description": "",
        f"{prefix}-quantity": quantity,
        f"{prefix}-unit_price": price,
        f"{prefix}-tax_rate": tax,
        f"{prefix}-discount": discount,
    }


@pytest.mark.parametrize(
    ("fields", "lines", "below"),
    [
        # Rounded once per rate; a line without a price counts as zero.
        (
            {**line(0, "10.05", "3", "19"), **line(1, "", "1"), **line(2, "100", tax="7", discount="10 %")},
            ["€30.15", "–", "€90.00"],
            ["€120.15", "€12.03", "€132.18"],
        ),
        ({**line(0, "1,000.50"), "discount": "0.50"}, ["€1,000.50"], ["€0.50", "€1,000.00", "€0.00", "€1,000.00"]),
        ({**line(0, "119", tax="19"), "prices_include_tax": "on"}, ["€119.00"], ["€100.00", "€19.00", "€119.00"]),
        ({**line(0, "500"), "currency": "JPY"}, ["¥500"], ["¥500", "¥0", "¥500"]),
        ({**line(0, "12.9.0"), **line(1, "5")}, ["–", "€5.00"], ["€5.00", "€0.00", "€5.00"]),
        ({**line(0, "12,90"), **line(1, "5")}, ["–", "€5.00"], ["€5.00", "€0.00", "€5.00"]),
        ({**line(0, "5"), "discount": "6"}, ["–"], ["The discount is larger than the lines."]),
    ],
)  # fmt: skip
def test_live_totals_follow_the_form(
    world: World, login: Login, fields: dict[str, str], lines: list[str], below: list[str]
) -> None:
    customer = make_customer(world.tenant())

    assert shown(login(world.owner), customer, **fields) == (lines, below)

    with tenant_context(world.tenant()):
        assert not Invoice.objects.exists()


def test_what_cannot_be_read_is_told_in_the_words_of_the_refusal(world: World, login: Login) -> None:
    # given: a form with an amount, a quantity, a percentage and a discount that cannot be read, and lines that are not filled in yet
    customer, browser = make_customer(world.tenant()), login(world.owner)
    fields = {**line(0, "12,90"), **line(1, "5", "1.000", "x"), **line(2, "", ""), "discount": "1,5"}
    form = {"customer": customer.public_id, "currency": "EUR", **fields, "line2-description": "Tea"}
    # when
    live = browser.post("/invoices/totals/", form).content.decode()
    refused = browser.post("/invoices/new/", form)
    # then: each is named above the totals, and told below its field, as it is when the form is sent
    assert refused.status_code == 422
    page = unescape(refused.content.decode())
    told = re.findall(r'<li><a href="#id_([^"]+)">([^<]*)</a>: (.*?)</li>', unescape(live))
    assert [(field, name) for field, name, _ in told] == [
        ("discount", "Discount"),
        ("line0-unit_price", "Unit price of line 1"),
        ("line1-quantity", "Quantity of line 2"),
        ("line1-tax_rate", "Tax % of line 2"),
    ]
    for field, _, why in told:
        assert f'id="id_{field}_error"><li>{why}</li>' in page, field
        if field != "discount":
            assert f'id="{field}-unread" hx-swap-oob="true">{why}</div>' in unescape(live), field
    assert told[1][2] == "“12,90” can be read in more than one way. Write the amount as in 1,250.00 (EUR)."
    # What can be read takes its words back, and what is empty is not told.
    assert live.count('-unread" hx-swap-oob="true"></div>') == 3 * 4 - 3


def test_exempt_customer_pays_no_tax_and_a_foreign_one_is_not_found(world: World, login: Login) -> None:
    exempt = make_customer(world.tenant(), tax_exempt="exempt")
    foreign = make_customer(world.other_tenant())
    browser = login(world.owner)

    assert shown(browser, exempt, **line(0, "100", tax="19")) == (
        ["€100.00"],
        ["€100.00", "€0.00", "€100.00"],
    )
    answer = browser.post("/invoices/totals/", {"customer": foreign.public_id, **line(0, "1")})
    assert answer.status_code == 404
