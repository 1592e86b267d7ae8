"""Which fonts are available and which characters each has, checked before a document is issued and when it is drawn.

The fonts are Noto, from Python packages, and those added by the operator. Han characters are drawn as the document's other
characters and its parties' countries suggest: Japanese, Korean, traditional or simplified Chinese.
"""

import unicodedata
from collections.abc import Set
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from django.conf import settings

from billing.export.emoji import characters_in, is_one_glyph

# Invisible, so no font needs them: line breaks, formatting characters, and the choice between text and emoji style.
_BREAKS = frozenset("\t\n\r")
_UNSEEN = frozenset({"Cf", "Zl", "Zp"})


def characters_of(*values: Any) -> frozenset[str]:
    """Return the characters of every text in `values` and in nested lists and dictionaries; an emoji sequence counts as one."""
    found: set[str] = set()
    for value in values:
        if isinstance(value, str):
            found.update(characters_in(value))
        elif isinstance(value, dict):
            found |= characters_of(*value.values())
        elif isinstance(value, list):
            found |= characters_of(*value)
    return frozenset(found)


def unprintable(characters: Set[str]) -> frozenset[str]:
    """Return those of `characters` that no font has, including control characters, and emoji sequences that would be split.

    Fonts are opened one by one, only as long as a character is missing.
    """
    sequences = {character for character in characters if len(character) > 1}
    parted = frozenset(sequence for sequence in sequences if not is_one_glyph(sequence))
    wanted = {ord(character) for character in characters - sequences if not _is_unseen(character)}
    for path in faces_for(frozenset(), ""):
        if not wanted:
            break
        wanted -= code_points_of(path)
    return parted | frozenset(map(chr, wanted))


def faces_for(text: Set[str], country: str) -> list[Path]:
    """Return all fonts in the order in which they are tried for `text`: Latin first, Han fonts by the text and `country`."""
    first = _han_variant(text, country)
    han = sorted(_HAN, key=lambda variant: (variant != first, variant))
    return [
        LATIN,
        *_SCRIPTS,
        *(_HAN[variant] for variant in han),
        *map(Path, settings.INVOICE_FALLBACK_FONTS),
    ]


def is_han(path: Path) -> bool:
    """Return whether a font is one of those for Chinese, Japanese or Korean."""
    return path in _HAN.values()


@cache
def code_points_of(path: Path) -> frozenset[int]:
    """Return the code points that a font has glyphs for."""
    # Imports only this part of fontTools, and only once a document is rendered or about to be issued.
    from fontTools.ttLib import TTFont

    with TTFont(path, lazy=True) as font:
        return frozenset(font.getBestCmap())


def _is_unseen(character: str) -> bool:
    return (
        character in _BREAKS
        or unicodedata.category(character) in _UNSEEN
        or unicodedata.name(character, "").startswith("VARIATION SELECTOR")
    )


def _package(name: str, pattern: str) -> list[Path]:
    """Return the fonts of a package, ordered by name."""
    return sorted(Path(str(files(name))).glob(pattern))


LATIN, *_SCRIPTS = sorted(
    (path for path in _package("manimgx_fonts", "*.ttf") if "Italic" not in path.stem),
    key=lambda path: (path.stem != "NotoSans[wght]", path.stem),
)
_HAN = {path.stem[8:10]: path for path in _package("justmytype_intl_cjk", "fonts/ofl/*/NotoSans*.ttf")}


def _han_variant(text: Set[str], country: str) -> str:
    if any("\u3041" <= character <= "\u30ff" for character in text):
        return "JP"
    if any("\uac00" <= character <= "\ud7a3" for character in text):
        return "KR"
    return {"JP": "JP", "KR": "KR", "TW": "TC", "HK": "TC", "MO": "TC"}.get(country, "SC")
