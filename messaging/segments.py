"""How many segments an SMS has, which is what providers charge for (GSM 03.38, 3GPP TS 23.040).

A text of the GSM alphabet alone has 160 characters to a segment, any other 70 of UTF-16; where there are several, each gives a few of them to
the header that joins them.
"""

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Written with an escape before them, so each counts twice.
_GSM_TWICE = frozenset("\f^{}\\[~]|€")


def count_segments(text: str) -> int:
    """Return the segments of `text`; 1 for an empty one."""
    if _GSM_TWICE.union(_GSM).issuperset(text):
        return _fill([2 if character in _GSM_TWICE else 1 for character in text], 160, 153)
    return _fill([2 if ord(character) > 0xFFFF else 1 for character in text], 70, 67)


def _fill(widths: list[int], alone: int, joined: int) -> int:
    if sum(widths) <= alone:
        return 1
    segments, used = 1, 0
    for width in widths:  # a character is not parted between two
        if used + width > joined:
            segments, used = segments + 1, 0
        used += width
    return segments
