"""The fonts of a document, subset to its characters.

A document embeds, in regular and in bold, only the fonts that its characters need: one for Latin, Greek and Cyrillic, then one for
each other script. The fonts are variable; subsetting them first makes the rest (choosing the weight, embedding) fast.
"""

import io
import logging
from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

from billing.export.coverage import code_points_of, faces_for, is_han
from billing.export.emoji import EMOJI

REGULAR, BOLD = 400, 700
# A subset with more characters takes much memory, and no other document needs the same one.
MOST_REMEMBERED = 2_000
# Text is shaped when the document is laid out, so the subset keeps ligatures, reordering and mark positioning.
_OPTIONS = {
    "layout_features": ["*"],
    "notdef_outline": True,
    "name_IDs": [1, 2],
    "drop_tables": ["BASE", "STAT", "VORG", "VVAR", "vhea", "vmtx"],
}
# The characters of our own texts in any language: Latin, punctuation, currency signs, the minus sign.
_ALWAYS = frozenset({*range(0x20, 0x180), *range(0x2000, 0x2070), *range(0x20A0, 0x20D0), 0x2212})

logging.getLogger("fontTools").setLevel(logging.ERROR)  # it logs every table that it drops


@dataclass(frozen=True, slots=True)
class FontSubset:
    """A font of one document: the same characters in both weights, as TrueType files."""

    name: str
    regular: bytes
    bold: bytes


def subset_fonts(text: Set[str], *, country: str = "") -> Iterator[FontSubset]:
    """Yield the fonts that together have the characters of `text` (including emoji sequences), the Latin one first.

    `country` (ISO 3166-1) decides between variants of Han characters if the text does not.
    """
    wanted = {ord(character) for character in text if len(character) == 1} | _ALWAYS
    # A sequence is shaped by the emoji font alone, although other fonts have its characters too.
    in_sequences = {ord(part) for character in text if len(character) > 1 for part in character}
    for path in faces_for(text, country):
        found = (wanted | in_sequences if path == EMOJI else wanted) & code_points_of(path)
        if found:
            wanted -= found | _ALWAYS
            if path == EMOJI:
                in_sequences = set()
            yield _cut(
                path, frozenset(found if is_han(path) or path == EMOJI else _with_neighbours(path, found))
            )
        if not wanted | in_sequences:
            return


def _with_neighbours(path: Path, characters: Set[int]) -> Set[int]:
    """Return all characters of the font in the blocks of `characters`: a subset that other documents can use as well."""
    blocks = {character >> 7 for character in characters}
    return {character for character in code_points_of(path) if character >> 7 in blocks}


def _cut(path: Path, characters: frozenset[int]) -> FontSubset:
    return (_remembered_cut if len(characters) <= MOST_REMEMBERED else _cut_uncached)(path, characters)


def _cut_uncached(path: Path, characters: frozenset[int]) -> FontSubset:
    # A timestamp would make two copies of a document differ.
    with TTFont(path, lazy=True, recalcTimestamp=False) as font:
        subsetter = subset.Subsetter(subset.Options(**_OPTIONS))
        subsetter.populate(unicodes=characters)
        subsetter.subset(font)
        axes = {axis.axisTag: axis.defaultValue for axis in font["fvar"].axes} if "fvar" in font else {}
        cut = _saved(font)
    if "wght" not in axes:
        return FontSubset(path.stem, cut, cut)
    return FontSubset(path.stem, *(_in_weight(cut, {**axes, "wght": weight}) for weight in (REGULAR, BOLD)))


_remembered_cut = lru_cache(maxsize=32)(_cut_uncached)


def _in_weight(cut: bytes, place: dict[str, float]) -> bytes:
    with TTFont(io.BytesIO(cut), recalcTimestamp=False) as font:
        instancer.instantiateVariableFont(font, place, inplace=True)
        return _saved(font)


def _saved(font: TTFont) -> bytes:
    written = io.BytesIO()
    font.save(written)
    return written.getvalue()
