"""Faces for every script: Noto, from the packages that ship it, cut down to the characters of one document.

A document embeds, in regular and in bold, only the faces that its characters need: one for Latin, Greek and Cyrillic, then one for
each other script. The faces are variable fonts; cutting them first makes the rest (choosing the weight, embedding) quick. Han
characters are drawn as the document's other characters and its parties' countries suggest: Japanese, Korean, traditional
or simplified Chinese.
"""

import io
import logging
import unicodedata
from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from django.conf import settings
from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

REGULAR, BOLD = 400, 700
# Shaping happens when the document is set, so what joins, reorders and places marks stays in the face.
_OPTIONS = {
    "layout_features": ["*"],
    "notdef_outline": True,
    "name_IDs": [1, 2],
    "drop_tables": ["BASE", "STAT", "VORG", "VVAR", "vhea", "vmtx"],
}
# What documents in any of our languages say by themselves: Latin, punctuation, signs of currencies, the minus.
_ALWAYS = frozenset({*range(0x20, 0x180), *range(0x2000, 0x2070), *range(0x20A0, 0x20D0), 0x2212})
# Nobody sees them, and no face has to have them: line breaks, formatting characters and the choice between text and picture.
_BREAKS = frozenset("\t\n\r")
_UNSEEN = frozenset({"Cf", "Zl", "Zp"})

logging.getLogger("fontTools").setLevel(logging.ERROR)  # it notes every table that it drops


@dataclass(frozen=True, slots=True)
class CutFace:
    """One face of a document: the same characters in both weights, as TrueType files."""

    name: str
    regular: bytes
    bold: bytes


def cut_faces(text: Set[str], *, country: str = "") -> Iterator[CutFace]:
    """Yield the faces that together have the characters of `text`, the one for Latin first.

    `country` (ISO 3166-1) decides between variants of Han characters where the text does not.
    """
    wanted = {ord(character) for character in text} | _ALWAYS
    for path in (_LATIN, *_others(text, country)):
        found = wanted & _characters_of(path)
        if found:
            wanted -= found | _ALWAYS
            shared = frozenset(found if path in _HAN.values() else _with_neighbours(path, found))
            yield CutFace(path.stem, _cut(path, shared, REGULAR), _cut(path, shared, BOLD))
        if not wanted:
            return


def characters_of(*values: Any) -> frozenset[str]:
    """Return the characters of every text in `values`, and in the lists and dictionaries among them."""
    found: set[str] = set()
    for value in values:
        if isinstance(value, str):
            found.update(value)
        elif isinstance(value, dict):
            found |= characters_of(*value.values())
        elif isinstance(value, list):
            found |= characters_of(*value)
    return frozenset(found)


def unprintable(text: str) -> list[str]:
    """Return the characters of `text` that no face has, control characters among them, in their order, each once."""
    return [character for character in dict.fromkeys(text) if not _is_printable(character)]


def _is_printable(character: str) -> bool:
    return (
        character in _BREAKS
        or unicodedata.category(character) in _UNSEEN
        or unicodedata.name(character, "").startswith("VARIATION SELECTOR")
        or any(ord(character) in _characters_of(path) for path in (_LATIN, *_others(set(), "")))
    )


def _package(name: str, pattern: str) -> list[Path]:
    """Return the fonts of a package, in the order of their names."""
    return sorted(Path(str(files(name))).glob(pattern))


_LATIN, *_SCRIPTS = sorted(
    (path for path in _package("manimgx_fonts", "*.ttf") if "Italic" not in path.stem),
    key=lambda path: (path.stem != "NotoSans[wght]", path.stem),
)
_HAN = {path.stem[8:10]: path for path in _package("justmytype_intl_cjk", "fonts/ofl/*/NotoSans*.ttf")}


def _others(text: Set[str], country: str) -> list[Path]:
    first = _han_variant(text, country)
    han = sorted(_HAN, key=lambda variant: (variant != first, variant))
    return [*_SCRIPTS, *(_HAN[variant] for variant in han), *map(Path, settings.INVOICE_FALLBACK_FONTS)]


def _han_variant(text: Set[str], country: str) -> str:
    if any("\u3041" <= character <= "\u30ff" for character in text):
        return "JP"
    if any("\uac00" <= character <= "\ud7a3" for character in text):
        return "KR"
    return {"JP": "JP", "KR": "KR", "TW": "TC", "HK": "TC", "MO": "TC"}.get(country, "SC")


@cache
def _characters_of(path: Path) -> frozenset[int]:
    with TTFont(path, lazy=True) as font:
        return frozenset(font.getBestCmap())


def _with_neighbours(path: Path, characters: Set[int]) -> Set[int]:
    """Return all that the face has of the blocks in which `characters` lie: a cut that other documents can use as well."""
    blocks = {character >> 7 for character in characters}
    return {character for character in _characters_of(path) if character >> 7 in blocks}


@lru_cache(maxsize=64)
def _cut(path: Path, characters: frozenset[int], weight: int) -> bytes:
    # The time of the cut would make two copies of one document differ.
    with TTFont(path, lazy=True, recalcTimestamp=False) as font:
        subsetter = subset.Subsetter(subset.Options(**_OPTIONS))
        subsetter.populate(unicodes=characters)
        subsetter.subset(font)
        if "fvar" in font:
            axes = {axis.axisTag: axis.defaultValue for axis in font["fvar"].axes}
            instancer.instantiateVariableFont(font, {**axes, "wght": weight}, inplace=True)
        cut = io.BytesIO()
        font.save(cut)
    return cut.getvalue()
