"""ISO 4217: the active currencies, the number of decimals of their minor units, and formatting of amounts.

Amounts are integers in the minor unit everywhere (1999 is 19.99 in EUR, 1,999 in JPY, 1.999 in KWD), so that nothing is
rounded twice.
"""

from core.values.numbers import ENGLISH, NumberStyle, parse_decimal, write_decimal

# Currencies whose minor unit is not a hundredth of the major one (ISO 4217 list one, column "Mnr unts").
_OTHER_EXPONENTS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_HUNDREDTHS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW "
    "CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF "
    "IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK "
    "MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP "
    "SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER "
    "ZAR ZMW ZWG"
)

EXPONENTS: dict[str, int] = {
    **dict.fromkeys(_HUNDREDTHS.split(), 2),
    **{code: exponent for exponent, codes in _OTHER_EXPONENTS.items() for code in codes.split()},
}
CURRENCIES: tuple[str, ...] = tuple(sorted(EXPONENTS))
SIGNS = {"EUR": "€", "GBP": "£", "JPY": "¥", "USD": "$"}


def decimal_text(amount: int, currency: str, style: NumberStyle = ENGLISH) -> str:
    """Format `amount` minor units with digit grouping and the currency's decimals: (199900, "EUR") is "1,999.00".

    Raises KeyError for an unknown currency.
    """
    return write_decimal(amount, decimals=EXPONENTS[currency], style=style)


def money_text(amount: int, currency: str) -> str:
    """Format `amount` minor units with the currency: "€19.99", "¥500", or "1.500 KWD". Raises KeyError."""
    sign = SIGNS.get(currency)
    digits = decimal_text(amount, currency)
    if sign is None:
        return f"{digits}\u00a0{currency}"
    return f"−{sign}{digits[1:]}" if amount < 0 else f"{sign}{digits}"


def parse_amount(text: str, currency: str, style: NumberStyle = ENGLISH) -> int:
    """Parse an amount typed by a person into minor units: ("19.99", "EUR") is 1999.

    Accepts the format of `decimal_text`, with or without digit grouping. Raises core.values.numbers.NotANumber for anything
    else, and AmbiguousNumber if the separators belong to another language.
    """
    return parse_decimal(text, decimals=EXPONENTS[currency], style=style)
