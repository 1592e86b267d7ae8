"""Counts the segments of an SMS, by which providers charge (GSM 03.38, 3GPP TS 23.040).

A segment holds 160 characters of the GSM alphabet, or 70 UTF-16 code units for any other text. In a text with several segments, each
loses a few to the concatenation header.
"""

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Encoded with an escape character, so each counts as two.
_GSM_TWICE = frozenset("\f^{}\\[~]|€")


def count_segments(text: str) -> int:
    """Return the number of segments of `text`, at least 1."""
    if _GSM_TWICE.union(_GSM).issuperset(text):
        return _fill([2 if character in _GSM_TWICE else 1 for character in text], 160, 153)
    return _fill([2 if ord(character) > 0xFFFF else 1 for character in text], 70, 67)


def _fill(widths: list[int], alone: int, joined: int) -> int:
    if sum(widths) <= alone:
        return 1
    segments, used = 1, 0
    for width in widths:  # characters are not split across segments
        if used + width > joined:
            segments, used = segments + 1, 0
        used += width
    return segments
