"""Invoice arithmetic in integer minor units. PostgreSQL repeats it as constraints (billing/models, billing/sql).

The rules are those of EN 16931: each line is rounded once, an invoice discount reduces the tax base of each rate, and tax is
rounded once per rate. Everything is rounded half up. Amounts rounded for several lines together are distributed among them by the
largest remainder, so that each total equals the sum of its lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

# 12 digits: more than any invoice, and small enough that no product exceeds 64 bits or a JavaScript number.
MAX_AMOUNT = 999_999_999_999
# In words for both users, who do not know minor units, and programs.
TOO_MUCH = "an amount has at most twelve digits, decimals included."
MAX_QUANTITY = 1_000_000
QUANTITY_DECIMALS = 6
MAX_TAX_RATE_BPS = 10_000
MAX_DISCOUNT_BPS = 10_000
MAX_LINES = 250
_WHOLE_BPS = 10_000


@dataclass(frozen=True, slots=True)
class Position:
    """The pricing fields of a line. `discount_bps` takes precedence over `discount_amount`."""

    quantity: Decimal
    unit_amount: int
    tax_rate_bps: int = 0
    discount_amount: int = 0
    discount_bps: int | None = None


@dataclass(frozen=True, slots=True)
class LineAmounts:
    """The amounts of a line: `amount` after its own discount, its share of the invoice discount, and of the tax."""

    amount: int
    discount_amount: int
    discount_share: int
    tax: int


@dataclass(frozen=True, slots=True)
class InvoiceAmounts:
    """The amounts of an invoice: `subtotal` without tax and after the discount, `tax`, and its lines in order."""

    subtotal: int
    tax: int
    discount_amount: int
    lines: tuple[LineAmounts, ...]

    @property
    def total(self) -> int:
        """The total including tax."""
        return self.subtotal + self.tax


class LineTooLarge(ValueError):
    """A line total that is too large or negative; `position` is its index."""

    def __init__(self, position: int, message: str) -> None:
        self.position = position
        super().__init__(message)


class DiscountTooLarge(ValueError):
    """The invoice discount exceeds the sum of the lines."""


def half_up(dividend: int, divisor: int) -> int:
    """Return the quotient of two non-negative numbers, rounded half up."""
    return (2 * dividend + divisor) // (2 * divisor)


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Distribute `total` in integer shares by `weights`; the rest goes to the largest remainders, the first ones if equal."""
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    shares = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: (-(total * weights[place] % whole), place))
    for place in by_remainder[: total - sum(shares)]:
        shares[place] += 1
    return shares


def line_before_discount(position: Position) -> int:
    """Return `quantity` × `unit_amount`, rounded."""
    millionths = int(position.quantity.scaleb(QUANTITY_DECIMALS))
    return half_up(millionths * position.unit_amount, 10**QUANTITY_DECIMALS)


def price_invoice(
    positions: Sequence[Position],
    *,
    discount_amount: int = 0,
    discount_bps: int | None = None,
    prices_include_tax: bool = False,
    is_exempt: bool = False,
) -> InvoiceAmounts:
    """Return the amounts of an invoice and its lines; with `is_exempt`, prices stay the same and no tax is charged.

    Raises LineTooLarge and DiscountTooLarge; ValueError for an invoice above MAX_AMOUNT.
    """
    own = [_own_amounts(place, position) for place, position in enumerate(positions)]
    amounts = [amount for amount, _ in own]
    if discount_bps is not None:
        discount_amount = half_up(sum(amounts) * discount_bps, _WHOLE_BPS)
    if discount_amount > sum(amounts):
        raise DiscountTooLarge("The discount is larger than the lines.")
    shares = allocate(discount_amount, amounts)
    taxed = [amount - share for amount, share in zip(amounts, shares, strict=True)]
    taxes = _taxes(positions, taxed, prices_include_tax) if not is_exempt else [0] * len(positions)
    subtotal = sum(taxed) - (sum(taxes) if prices_include_tax else 0)
    if subtotal + sum(taxes) > MAX_AMOUNT:
        raise ValueError(f"The invoice total is too large: {TOO_MUCH}")
    return InvoiceAmounts(
        subtotal=subtotal,
        tax=sum(taxes),
        discount_amount=discount_amount,
        lines=tuple(
            LineAmounts(amount, discount, share, tax)
            for (amount, discount), share, tax in zip(own, shares, taxes, strict=True)
        ),
    )


def tax_on(taxed: int, rate_bps: int, *, is_included: bool) -> int:
    """Return the tax on an amount, or included in it."""
    return half_up(taxed * rate_bps, _WHOLE_BPS + rate_bps if is_included else _WHOLE_BPS)


def _own_amounts(place: int, position: Position) -> tuple[int, int]:
    before = line_before_discount(position)
    discount = position.discount_amount
    if position.discount_bps is not None:
        discount = half_up(before * position.discount_bps, _WHOLE_BPS)
    if discount > before:
        raise LineTooLarge(place, "The discount is larger than quantity × unit_amount.")
    if before - discount > MAX_AMOUNT:
        raise LineTooLarge(place, f"The line total is too large: {TOO_MUCH}")
    return before - discount, discount


def _taxes(positions: Sequence[Position], taxed: Sequence[int], prices_include_tax: bool) -> list[int]:
    taxes = [0] * len(positions)
    for rate in {position.tax_rate_bps for position in positions}:
        places = [place for place, position in enumerate(positions) if position.tax_rate_bps == rate]
        base = [taxed[place] for place in places]
        tax = tax_on(sum(base), rate, is_included=prices_include_tax)
        for place, share in zip(places, allocate(tax, base), strict=True):
            taxes[place] = share
    return taxes


# --- credit notes -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineRemainder:
    """The part of a line not yet credited: `amount` includes tax if prices do, `tax` is its share of the tax."""

    tax_rate_bps: int
    amount: int
    tax: int


@dataclass(frozen=True, slots=True)
class LineCredit:
    """The credit for a line."""

    amount: int
    tax: int


def credit_amounts(
    left: Sequence[LineRemainder], amounts: Sequence[int], *, prices_include_tax: bool
) -> list[LineCredit]:
    """Return the tax that is credited with `amounts` of the lines, in order; none may exceed what is left.

    Tax is recalculated per rate: it is the difference between the existing tax and the tax on the rest. So the credit notes of an
    invoice credit exactly its tax, however it is divided, and each deviates from its own rounding by at most one minor unit.
    """
    if any(not 0 <= amount <= line.amount for amount, line in zip(amounts, left, strict=True)):
        raise ValueError("More is credited on a line than is left of it.")
    taxes = [0] * len(left)
    for places in _by_rate(left):
        whole, tax = _sums(left, places)
        taken = [amounts[place] for place in places]
        # Lines without tax (of an exempt customer) have no tax to credit, whatever their rate.
        rest = tax_on(whole - sum(taken), left[places[0]].tax_rate_bps, is_included=prices_include_tax)
        least = max(0, tax - (whole - sum(taken))) if prices_include_tax else 0
        most = min(tax, sum(taken)) if prices_include_tax else tax
        given = tax if sum(taken) == whole else max(least, min(most, tax - rest))
        if not sum(taken):
            given = 0
        for place, share in zip(places, allocate(given, taken), strict=True):
            taxes[place] = share
    return [LineCredit(amount, tax) for amount, tax in zip(amounts, taxes, strict=True)]


def credit_total(left: Sequence[LineRemainder], total: int, *, prices_include_tax: bool) -> list[LineCredit]:
    """Return how `total`, including tax, is credited to the lines, in proportion to what is left of each.

    No tax remains on a fully credited amount. A credit note that is voided later may have consisted of tax only; then tax is left
    without an amount, and goes with the next one. Raises ValueError if `total` exceeds what is left.
    """
    groups = [(places, *_sums(left, places)) for places in _by_rate(left)]
    wholes = [amount + (0 if prices_include_tax else tax) for _, amount, tax in groups]
    if not 0 <= total <= sum(wholes):
        raise ValueError("More is credited than is left.")
    found = [LineCredit(0, 0)] * len(left)
    for (places, amount, tax), whole, part in zip(groups, wholes, allocate(total, wholes), strict=True):
        given = half_up(part * tax, whole) if whole else 0
        if prices_include_tax:
            given = max(tax - (amount - part), min(given, part))
        else:
            given = max(given, part - amount)
            if amount and part < whole and part - given == amount and given < tax:
                given += 1  # no tax may remain on a fully credited amount
        weights = [left[place].amount for place in places]
        taken = allocate(part if prices_include_tax else part - given, weights)
        # A part that is tax only is distributed like the lines, or, if nothing is left of them, like their tax.
        shares = (taken, weights, [max(0, left[place].tax) for place in places])
        taxes = allocate(given, next(each for each in shares if any(each) or each is shares[-1]))
        for place, net, share in zip(places, taken, taxes, strict=True):
            found[place] = LineCredit(net, share)
    return found


def _by_rate(lines: Sequence[LineRemainder]) -> list[list[int]]:
    rates = sorted({line.tax_rate_bps for line in lines})
    return [[place for place, line in enumerate(lines) if line.tax_rate_bps == rate] for rate in rates]


def _sums(lines: Sequence[LineRemainder], places: Sequence[int]) -> tuple[int, int]:
    return sum(lines[place].amount for place in places), sum(lines[place].tax for place in places)
