"""Partial credits of an invoice always add up to the invoice, and never to more."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.money import (
    LineCredit,
    LineRemainder,
    Position,
    credit_amounts,
    credit_total,
    price_invoice,
    tax_on,
)

RATES = st.sampled_from([0, 700, 770, 1_900, 2_000, 10_000])
# The digits of minor units: a line with 0 (JPY), 2 (EUR), 3 (KWD) or 4 (CLF) decimal places is the same integer, only larger.
POSITIONS = st.lists(
    st.tuples(st.integers(1, 999_999), st.integers(0, 9_999_999), RATES).map(
        lambda line: Position(Decimal(line[0]).scaleb(-3), line[1], line[2])
    ),
    min_size=1,
    max_size=6,
)


def invoice_of(positions: list[Position], included: bool) -> tuple[list[LineRemainder], int]:
    found = price_invoice(positions, prices_include_tax=included)
    lines = [
        LineRemainder(position.tax_rate_bps, line.amount, line.tax)
        for position, line in zip(positions, found.lines, strict=True)
    ]
    return lines, found.total


def less(lines: list[LineRemainder], taken: list[LineCredit]) -> list[LineRemainder]:
    return [
        LineRemainder(line.tax_rate_bps, line.amount - credit.amount, line.tax - credit.tax)
        for line, credit in zip(lines, taken, strict=True)
    ]


def whole(lines: list[LineRemainder], included: bool) -> int:
    return sum(line.amount for line in lines) + (0 if included else sum(line.tax for line in lines))


def check(lines: list[LineRemainder], included: bool) -> None:
    """No amount of a line and no tax of a rate is negative; where no amount is left, no tax is."""
    assert all(line.amount >= 0 for line in lines)
    for rate in {line.tax_rate_bps for line in lines}:
        amount = sum(line.amount for line in lines if line.tax_rate_bps == rate)
        tax = sum(line.tax for line in lines if line.tax_rate_bps == rate)
        assert tax >= 0
        assert amount > 0 or tax == 0
        assert not included or tax <= amount


@settings(deadline=None, max_examples=150)
@given(POSITIONS, st.booleans(), st.data())
def test_credit_notes_of_any_size_add_up_to_the_invoice(
    positions: list[Position], included: bool, data: st.DataObject
) -> None:
    left, total = invoice_of(positions, included)
    credited = 0
    for _ in range(3):
        if data.draw(st.booleans()):
            amount = data.draw(st.integers(0, whole(left, included)))
            taken = credit_total(left, amount, prices_include_tax=included)
            assert whole(less(left, taken), included) == whole(left, included) - amount
        else:
            amounts = [data.draw(st.integers(0, line.amount)) for line in left]
            taken = credit_amounts(left, amounts, prices_include_tax=included)
            assert [each.amount for each in taken] == amounts
        before, left = left, less(left, taken)
        credited += whole(before, included) - whole(left, included)
        check(left, included)
    credited += whole(left, included)
    rest = credit_amounts(left, [line.amount for line in left], prices_include_tax=included)
    assert whole(less(left, rest), included) == 0
    assert credited == total


@settings(deadline=None, max_examples=100)
@given(POSITIONS, st.booleans(), st.data())
def test_after_voiding_a_credit_note_the_rest_adds_up_to_the_invoice(
    positions: list[Position], included: bool, data: st.DataObject
) -> None:
    left, _ = invoice_of(positions, included)
    standing: list[list[LineCredit]] = []
    for _ in range(6):
        if standing and data.draw(st.booleans()):
            void = standing.pop(data.draw(st.integers(0, len(standing) - 1)))
            left = less(left, [LineCredit(-each.amount, -each.tax) for each in void])
            continue
        amount = data.draw(
            st.integers(0, min(whole(left, included), data.draw(st.sampled_from([1, 10**13]))))
        )
        taken = credit_total(left, amount, prices_include_tax=included)
        assert sum(each.amount + (0 if included else each.tax) for each in taken) == amount
        left = less(left, taken)
        standing.append(taken)
        assert all(line.amount >= 0 for line in left)
        for rate in {line.tax_rate_bps for line in left}:
            assert sum(line.tax for line in left if line.tax_rate_bps == rate) >= 0
    rest = credit_total(left, whole(left, included), prices_include_tax=included)
    assert whole(less(left, rest), included) == 0


@settings(deadline=None, max_examples=100)
@given(POSITIONS, st.booleans(), st.data())
def test_first_credit_note_by_line_carries_tax_rounded_to_a_minor_unit(
    positions: list[Position], included: bool, data: st.DataObject
) -> None:
    left, _ = invoice_of(positions, included)
    amounts = [data.draw(st.integers(0, line.amount)) for line in left]
    taken = credit_amounts(left, amounts, prices_include_tax=included)
    for rate in {line.tax_rate_bps for line in left}:
        places = [place for place, line in enumerate(left) if line.tax_rate_bps == rate]
        tax = sum(taken[place].tax for place in places)
        own = tax_on(sum(amounts[place] for place in places), rate, is_included=included)
        assert abs(tax - own) <= 1


def test_three_thirds_of_an_odd_total_add_up() -> None:
    left = [LineRemainder(1_900, 10_001, 1_900)]
    first = credit_amounts(left, [3_333], prices_include_tax=False)
    second = credit_amounts(less(left, first), [3_333], prices_include_tax=False)
    third = credit_amounts(less(less(left, first), second), [3_335], prices_include_tax=False)
    assert [each[0].tax for each in (first, second, third)] == [633, 633, 634]


def test_tax_left_by_a_voided_credit_note_goes_to_the_next_one() -> None:
    # Four parts of 1 from 3 including 1 of tax; the third, which consisted of the tax, is voided.
    left = [LineRemainder(1_900, 3, 1)]
    parts = []
    for _ in range(4):
        parts.append(credit_total(left, 1, prices_include_tax=False))
        left = less(left, parts[-1])
    assert [(part[0].amount, part[0].tax) for part in parts] == [(1, 0), (1, 0), (0, 1), (1, 0)]
    left = [LineRemainder(1_900, 0, 1)]
    assert credit_total(left, 1, prices_include_tax=False) == [LineCredit(0, 1)]
    assert credit_total([LineRemainder(1_900, 0, 2)], 1, prices_include_tax=False) == [LineCredit(0, 1)]
