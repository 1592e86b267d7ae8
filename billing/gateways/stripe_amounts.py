"""Amounts as Stripe counts them, which is mostly but not always how ISO 4217 does (https://docs.stripe.com/currencies).

| currencies | Stripe's unit | ours (ISO 4217) |
|---|---|---|
| BIF CLP DJF GNF JPY KMF KRW PYG RWF VND VUV XAF XOF XPF | the whole | the same |
| MGA | the whole | a hundredth, so only wholes can be charged |
| ISK UGX | a hundredth, of wholes only | the whole |
| BHD JOD KWD OMR TND | a thousandth, of which the last digit is 0 | a thousandth |
| all others, HUF and TWD among them | a hundredth | the same |

HUF and TWD are wholes in payouts only, which Pomelo does not make.
"""

from core.values.currencies import EXPONENTS, money_text

_WHOLES = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
_THOUSANDTHS = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))
_WHOLES_IN_HUNDREDTHS = frozenset({"ISK", "UGX"})
_THOUSANDTHS_STEP = 10


def amount_problem(amount: int, currency: str) -> str:
    """Return why Stripe cannot take so many minor units of `currency`, or "" when it can."""
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
    """Return so many minor units of ISO 4217 in Stripe's. Raises ValueError for what amount_problem names."""
    problem = amount_problem(amount, currency)
    theirs = _exponent(currency)
    if problem or theirs is None:
        raise ValueError(problem)
    ours = EXPONENTS[currency]
    return amount * 10 ** (theirs - ours) if theirs >= ours else amount // 10 ** (ours - theirs)


def from_stripe(amount: int, currency: str) -> int:
    """Return an amount of Stripe's in minor units of ISO 4217. Raises ValueError for a currency Stripe does not have."""
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
    # Of others that ISO 4217 does not count in hundredths (IQD, CLF, …) Stripe does not say how it would count them.
    return 2 if EXPONENTS.get(currency) == 2 or currency in _WHOLES_IN_HUNDREDTHS else None
