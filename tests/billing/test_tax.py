"""Invoice amounts: decimal quantities, discounts, included tax, exemptions; rounded per EN 16931."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.models import Invoice, InvoiceLine
from billing.money import InvoiceAmounts, LineTooLarge, Position, allocate, price_invoice
from billing.services import update_invoice
from core.tenancy import system_context, tenant_context
from core.values.currencies import CURRENCIES, EXPONENTS, decimal_text
from tests.billing.factories import make_invoice
from tests.factories import SYSTEM, World, make_customer

SCOPES = ["customers:write", "invoices:read", "invoices:write"]


@pytest.fixture
def client(world: World, issue_key: Any, api: Any) -> Any:
    return api(issue_key(world.company, SCOPES).client_secret)


def positions(*lines: tuple[Any, int, int]) -> list[Position]:
    return [Position(Decimal(str(quantity)), unit, rate) for quantity, unit, rate in lines]


def by_rate(lines: list[Position], found: InvoiceAmounts) -> dict[int, tuple[int, int]]:
    """Return (base, tax) by rate, for prices without tax."""
    sums: dict[int, tuple[int, int]] = {}
    for line, amounts in zip(lines, found.lines, strict=True):
        taxed, tax = sums.get(line.tax_rate_bps, (0, 0))
        sums[line.tax_rate_bps] = (
            taxed + amounts.amount - amounts.discount_share,
            tax + amounts.tax,
        )
    return sums


# --- the examples of the standard (CEN/TC 434, published with its validation artefacts) --------------------------------


def test_example_1_of_en_16931() -> None:
    lines = positions(
        (2, 995, 600), (1, 985, 600), (1, 829, 600), (2, 723, 600), (1, 3_500, 600), (1, 3_500, 600), (1, 1_065, 600),
        (1, 155, 600), (3, 479, 600), (1, 829, 600), (2, 829, 600), (1, 995, 600), (2, 165, 600), (1, 1_080, 2_100),
        (1, 390, 600), (2, 380, 2_100), (2, 467, 2_100), (1, 1_863, 2_100),
    )  # fmt: skip
    # The example has two returned goods as negative lines, 7.86 in total; here this is a discount on coffee.
    lines[4] = Position(Decimal(1), 3_500, 600, discount_amount=786)
    found = price_invoice(lines)
    assert by_rate(lines, found) == {600: (18_323, 1_099), 2_100: (4_637, 974)}
    assert (found.subtotal, found.tax, found.total) == (22_960, 2_073, 25_033)


def test_example_5_of_en_16931() -> None:
    lines = positions((1_000, 100, 2_500), (5, 10_000, 2_500), (250, 1_000, 1_200))
    found = price_invoice(lines)
    assert by_rate(lines, found) == {2_500: (150_000, 37_500), 1_200: (250_000, 30_000)}
    assert (found.subtotal, found.tax, found.total) == (400_000, 67_500, 467_500)


# --- calculated manually ------------------------------------------------------------------------------------------------


def test_quantity_may_have_six_decimals_and_a_line_is_rounded_half_up() -> None:
    [line] = price_invoice(positions((Decimal("1.5"), 333, 0))).lines
    assert line.amount == 500  # 499.5
    [line] = price_invoice(positions((Decimal("0.000001"), 499_999, 0))).lines
    assert line.amount == 0
    [line] = price_invoice(positions((Decimal("0.000001"), 500_000, 0))).lines
    assert line.amount == 1


def test_invoice_discount_reduces_the_base_of_each_rate() -> None:
    lines = positions((1, 10_000, 1_900), (1, 5_000, 700))
    found = price_invoice(lines, discount_bps=1_000)
    assert found.discount_amount == 1_500
    assert by_rate(lines, found) == {1_900: (9_000, 1_710), 700: (4_500, 315)}
    assert (found.subtotal, found.tax, found.total) == (13_500, 2_025, 15_525)


def test_included_tax_is_extracted_from_the_price() -> None:
    found = price_invoice(positions((3, 999, 1_900)), prices_include_tax=True)
    assert (found.subtotal, found.tax, found.total) == (2_518, 479, 2_997)  # 2997 × 19 / 119 is 478.51


def test_exempt_invoice_keeps_its_prices_and_has_no_tax() -> None:
    for included in (False, True):
        found = price_invoice(positions((1, 11_900, 1_900)), prices_include_tax=included, is_exempt=True)
        assert (found.subtotal, found.tax, found.total) == (11_900, 0, 11_900)


def test_tax_is_rounded_once_for_a_rate_not_for_each_line() -> None:
    lines = positions((1, 105, 1_000), (1, 105, 1_000))
    assert [price_invoice([line]).tax for line in lines] == [11, 11]
    assert [line.tax for line in price_invoice(lines).lines] == [11, 10]


def test_too_large_discounts_are_refused() -> None:
    with pytest.raises(LineTooLarge):
        price_invoice([Position(Decimal(1), 5, 0, discount_amount=6)])
    with pytest.raises(ValueError, match="discount"):
        price_invoice(positions((1, 5, 0)), discount_amount=6)


# --- any invoice -------------------------------------------------------------------------------------------------------

POSITIONS = st.lists(
    st.builds(
        lambda millionths, unit, rate, bps: Position(
            Decimal(millionths).scaleb(-6), unit, rate, discount_bps=bps
        ),
        st.integers(1, 5_000_000),
        st.integers(0, 1_000_000),
        st.sampled_from([0, 1, 700, 770, 1_900, 2_000, 9_999, 10_000]),
        st.none() | st.integers(0, 10_000),
    ),
    min_size=1,
    max_size=8,
)


def rounded(value: Fraction) -> int:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


@settings(max_examples=300, deadline=None)
@given(POSITIONS, st.integers(0, 10_000), st.booleans(), st.booleans(), st.sampled_from(CURRENCIES))
def test_totals_equal_the_sum_of_their_parts_in_every_currency(
    lines: list[Position], share: int, included: bool, exempt: bool, currency: str
) -> None:
    found = price_invoice(lines, discount_bps=share, prices_include_tax=included, is_exempt=exempt)
    taxed = [line.amount - line.discount_share for line in found.lines]
    assert sum(line.discount_share for line in found.lines) == found.discount_amount
    assert sum(line.tax for line in found.lines) == found.tax
    assert found.total == sum(taxed) + (0 if included else found.tax)
    assert all(0 <= line.discount_share <= line.amount and line.tax >= 0 for line in found.lines)
    for rate in {line.tax_rate_bps for line in lines}:
        places = [place for place, line in enumerate(lines) if line.tax_rate_bps == rate]
        base = sum(taxed[place] for place in places)
        exact = Fraction(base * rate, 10_000 + rate if included else 10_000)
        assert sum(found.lines[place].tax for place in places) == (0 if exempt else rounded(exact))
    # The displayed amounts add up too, whatever the decimal places of the currency.
    written = [
        Decimal(decimal_text(amount, currency).replace(",", "")) for amount in (found.subtotal, found.tax)
    ]
    assert sum(written) == Decimal(found.total).scaleb(-EXPONENTS[currency])


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_distributed_shares_add_up_and_deviate_by_at_most_one(total: int, weights: list[int]) -> None:
    shares = allocate(total, weights)
    whole = sum(weights)
    assert sum(shares) == (total if whole else 0)
    for share, weight in zip(shares, weights, strict=True):
        assert whole == 0 or abs(Fraction(total * weight, whole) - share) < 1


# --- through the API ---------------------------------------------------------------------------------------------------


def test_invoice_with_all_features_adds_up(world: World, client: Any) -> None:
    body = {
        "customer": make_customer(world.tenant()).public_id,
        "currency": "EUR",
        "purchase_order": "PO-4711",
        "memo": "Thank you.\nSee you soon.",
        "service_period": {"start": "2027-01-01", "end": "2027-01-31"},
        "discount_bps": 500,
        "lines": [
            {"description": "Hours", "quantity": 7.25, "unit_amount": 9_000, "tax_rate_bps": 1_900},
            {
                "description": "Book",
                "quantity": 3,
                "unit_amount": 1_000,
                "tax_rate_bps": 700,
                "discount_bps": 1_000,
            },
        ],
    }
    made = client.post("/v1/invoices", body)
    assert made.status == 201, made
    path = f"/v1/invoices/{made.json['id']}"
    issued = client.post(f"{path}/finalize").json
    assert [line["quantity"] for line in issued["lines"]] == [7.25, 3]
    assert [line["amount"] for line in issued["lines"]] == [65_250, 2_700]
    # 67,950 less 5 % (3,397.5 → 3,398; 3,263 and 135 of it)
    assert (issued["discount_amount"], issued["discount_bps"], issued["subtotal"]) == (3_398, 500, 64_552)
    assert issued["tax_breakdown"] == [
        {"tax_rate_bps": 700, "taxable": 2_565, "tax": 180},
        {"tax_rate_bps": 1_900, "taxable": 61_987, "tax": 11_778},
    ]
    assert issued["total"] == 76_510
    for name in ("purchase_order", "memo", "service_period"):
        assert issued[name] == body[name]


def test_draft_discount_follows_its_lines_and_can_be_removed(world: World, client: Any) -> None:
    invoice = make_invoice(world.tenant(), discount_bps=1_000)
    path = f"/v1/invoices/{invoice.public_id}"
    line = {"description": "x", "quantity": 1, "unit_amount": 1_000, "tax_rate_bps": 1_900}
    assert client.patch(path, {"lines": [line]}).json["discount_amount"] == 100
    fixed = client.patch(path, {"discount_amount": 250}).json
    assert (fixed["discount_bps"], fixed["discount_amount"], fixed["subtotal"]) == (None, 250, 750)
    refused = client.patch(path, {"discount_amount": 1_001})
    assert [each["field"] for each in refused.json["error"]["fields"]] == ["discount_amount"]
    assert client.patch(path, {"discount_bps": None}).json["total"] == 1_190
    both = client.patch(path, {"discount_bps": 1, "discount_amount": 1})
    assert [each["code"] for each in both.json["error"]["fields"]] == ["contradictory"]


def test_tax_exemption_is_fixed_at_finalization(world: World, client: Any) -> None:
    customer = make_customer(world.tenant(), tax_ids=[{"type": "eu_vat", "value": "FR40303265045"}])
    invoice = make_invoice(world.tenant(), customer=customer)
    path = f"/v1/invoices/{invoice.public_id}"
    assert client.get(path).json["tax"] == 1_900
    client.patch(f"/v1/customers/{customer.public_id}", {"tax_exempt": "reverse"})
    issued = client.post(f"{path}/finalize").json
    assert (issued["tax_exempt"], issued["tax"], issued["total"]) == ("reverse", 0, 10_000)
    assert issued["tax_breakdown"] == [{"tax_rate_bps": 0, "taxable": 10_000, "tax": 0}]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"service_period": {"start": "2027-02-01", "end": "2027-01-31"}}, "service_period"),
        ({"service_period": {"start": "2027-02-01"}}, "service_period"),
        ({"discount_bps": 10_001}, "discount_bps"),
        ({"lines": [{"description": "x", "quantity": 0.0000001, "unit_amount": 1}]}, "lines.0.quantity"),
        ({"lines": [{"description": "x", "quantity": 1e300, "unit_amount": 1}]}, "lines.0.quantity"),
    ],
)
def test_impossible_tax_values_are_refused_by_field(world: World, client: Any, body: Any, field: str) -> None:
    invoice = make_invoice(world.tenant())
    answer = client.patch(f"/v1/invoices/{invoice.public_id}", body)
    assert answer.status == 400, answer
    assert [each["field"] for each in answer.json["error"]["fields"]] == [field]


def test_the_page_reads_decimals_and_percentages(world: World, login: Any) -> None:
    page = login(world.owner, company=world.company)
    invoice = make_invoice(world.tenant())
    values = {
        "customer": make_customer(world.tenant()).public_id, "currency": "EUR", "discount": "10 %", "prices_include_tax": "on",
        "service_start": "2027-01-01", "service_end": "2027-01-31", "purchase_order": "PO-1", "line0-description": "Hours",
        "line0-quantity": "1.5", "line0-unit_price": "100", "line0-discount": "5", "line0-tax_rate": "19",
    }  # fmt: skip
    path = f"/invoices/{invoice.public_id}"
    answer = page.post(f"{path}/edit/", values)
    assert answer.status_code == 302, answer.content.decode()[:3_000]
    with tenant_context(world.tenant()):
        invoice.refresh_from_db()
        [line] = invoice.lines.all()
    assert (line.quantity, line.discount_amount, line.amount) == (Decimal("1.5"), 500, 14_500)
    assert (invoice.total, invoice.prices_include_tax) == (13_050, True)
    shown = page.get(f"{path}/edit/").content.decode()
    for text in ('value="1.5"', 'value="10%"', 'value="5.00"', 'value="PO-1"'):
        assert text in shown
    assert "1.5" in page.get(f"{path}/").content.decode()


# --- enforced by the database -------------------------------------------------------------------------------------------


def test_database_refuses_tax_that_does_not_match_its_rate(world: World) -> None:
    line = {"description": "x", "quantity": 1, "unit_amount": 1_050, "tax_rate_bps": 1_000}
    invoice = make_invoice(world.tenant(), lines=[line, line])
    assert invoice.tax == 210

    def write_another_tax() -> None:
        with tenant_context(world.tenant()):
            InvoiceLine.objects.filter(invoice=invoice, position=0).update(tax=106)
            Invoice.objects.filter(id=invoice.id).update(tax=211, total=2_311)

    with pytest.raises(IntegrityError, match="once for each rate"):
        write_another_tax()


def test_older_invoice_keeps_tax_rounded_line_by_line(world: World) -> None:
    """As written by an earlier release: 10.5 → 11 on each of two lines, where 21 is due on both together."""
    line = {"description": "x", "quantity": 1, "unit_amount": 105, "tax_rate_bps": 1_000}
    invoice = make_invoice(world.tenant(), lines=[line, line], finalize=False)
    with tenant_context(world.tenant()):
        InvoiceLine.objects.filter(invoice=invoice).update(tax=11)
        Invoice.objects.filter(id=invoice.id).update(tax=22, total=232, tax_per_rate=False)
    with tenant_context(world.tenant()):
        invoice.refresh_from_db()
        assert update_invoice(invoice=invoice, actor=SYSTEM, memo="Hello").tax == 21, "an edit prices it anew"


def test_postgresql_rounds_a_line_the_same_way(world: World) -> None:
    with transaction.atomic(), system_context(reason="test"), connection.cursor() as cursor:
        for quantity, unit in (
            ("1.5", 333),
            ("0.000001", 500_000),
            ("0.000001", 499_999),
            ("999999.999999", 1),
        ):
            ours = price_invoice(positions((Decimal(quantity), unit, 0))).subtotal
            cursor.execute("SELECT round(%s::numeric(13,6) * %s::bigint)::bigint", [quantity, unit])
            assert cursor.fetchone() == (ours,)
