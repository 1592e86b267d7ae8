"""The arithmetic of invoices, in whole minor units. PostgreSQL repeats it as constraints (billing/migrations)."""

from dataclasses import dataclass

# 12 digits: more than any invoice, and small enough that no product of ours leaves 64 bits or a JavaScript number.
MAX_AMOUNT = 999_999_999_999
MAX_QUANTITY = 1_000_000
MAX_TAX_RATE_BPS = 10_000
MAX_LINES = 250


@dataclass(frozen=True, slots=True)
class LineAmounts:
    """What a line comes to: `amount` before tax, and the tax on it."""

    amount: int
    tax: int


def line_amounts(*, quantity: int, unit_amount: int, discount_amount: int, tax_rate_bps: int) -> LineAmounts:
    """Return what a line comes to. Tax is rounded half up, line by line, so that an invoice's tax is the sum of its lines'.

    Raises ValueError when the discount is above the price, or the line above MAX_AMOUNT.
    """
    amount = quantity * unit_amount - discount_amount
    if amount < 0:
        raise ValueError("The discount is larger than quantity × unit_amount.")
    if amount > MAX_AMOUNT:
        raise ValueError(f"A line may come to at most {MAX_AMOUNT}.")
    return LineAmounts(amount, (amount * tax_rate_bps + 5_000) // 10_000)
