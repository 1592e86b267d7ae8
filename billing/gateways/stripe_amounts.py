"""Converts amounts to Stripe's minor units, which mostly match ISO 4217 (https://docs.stripe.com/currencies).

| currencies | Stripe's unit | ours (ISO 4217) |
|---|---|---|
| BIF CLP DJF GNF JPY KMF KRW PYG RWF VND VUV XAF XOF XPF | the whole | the same |
| MGA | the whole | a hundredth, so only wholes can be charged |
| ISK UGX | a hundredth, of wholes only | the whole |
| BHD JOD KWD OMR TND | a thousandth, of which the last digit is 0 | a thousandth |
| all others, HUF and TWD among them | a hundredth | the same |

HUF and TWD are zero-decimal for payouts only, which Pomelo does not make.
"""

from core.values.currencies import EXPONENTS, money_text

_WHOLES = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
_THOUSANDTHS = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))
_WHOLES_IN_HUNDREDTHS = frozenset({"ISK", "UGX"})
_THOUSANDTHS_STEP = 10


def amount_problem(amount: int, currency: str) -> str:
    """Return why Stripe cannot charge this amount in minor units of `currency`, or ""."""
    ours, theirs = EXPONENTS[currency], _exponent(currency)
    if theirs is None:
        return f"Stripe takes no amounts in {currency}."
    if theirs < ours and amount % 10 ** (ours - theirs):
        return f"Stripe takes whole amounts only in {currency}."
    if currency in _THOUSANDTHS and amount % _THOUSANDTHS_STEP:
        least = money_text(_THOUSANDTHS_STEP, currency)
        return f"Stripe takes amounts in {currency} in steps of {least}."
    return ""


def to_stripe(amount: int, currency: str) -> int:
    """Convert ISO 4217 minor units to Stripe's. Raises ValueError for amounts that `amount_problem` rejects."""
    problem = amount_problem(amount, currency)
    theirs = _exponent(currency)
    if problem or theirs is None:
        raise ValueError(problem)
    ours = EXPONENTS[currency]
    return amount * 10 ** (theirs - ours) if theirs >= ours else amount // 10 ** (ours - theirs)


def from_stripe(amount: int, currency: str) -> int:
    """Convert Stripe's minor units to ISO 4217. Raises ValueError for a currency that Stripe does not support."""
    theirs = _exponent(currency)
    if theirs is None:
        raise ValueError(f"Stripe has no amounts in {currency}.")
    ours = EXPONENTS[currency]
    return amount // 10 ** (theirs - ours) if theirs >= ours else amount * 10 ** (ours - theirs)


def _exponent(currency: str) -> int | None:
    if currency in _WHOLES:
        return 0
    if currency in _THOUSANDTHS:
        return 3
    # Stripe does not document its unit for other currencies without two decimals in ISO 4217 (IQD, CLF, …).
    return 2 if EXPONENTS.get(currency) == 2 or currency in _WHOLES_IN_HUNDREDTHS else None
