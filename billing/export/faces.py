"""The faces of a document, cut down to its characters.

A document embeds, in regular and in bold, only the faces that its characters need: one for Latin, Greek and Cyrillic, then one for
each other script. The faces are variable fonts; cutting them first makes the rest (choosing the weight, embedding) quick.
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
# A face of more characters takes much memory, and no other document needs the same ones.
MOST_REMEMBERED = 2_000
# Shaping happens when the document is set, so what joins, reorders and places marks stays in the face.
_OPTIONS = {
    "layout_features": ["*"],
    "notdef_outline": True,
    "name_IDs": [1, 2],
    "drop_tables": ["BASE", "STAT", "VORG", "VVAR", "vhea", "vmtx"],
}
# What documents in any of our languages say by themselves: Latin, punctuation, signs of currencies, the minus.
_ALWAYS = frozenset({*range(0x20, 0x180), *range(0x2000, 0x2070), *range(0x20A0, 0x20D0), 0x2212})

logging.getLogger("fontTools").setLevel(logging.ERROR)  # it notes every table that it drops


@dataclass(frozen=True, slots=True)
class FontSubset:
    """One face of a document: the same characters in both weights, as TrueType files."""

    name: str
    regular: bytes
    bold: bytes


def subset_fonts(text: Set[str], *, country: str = "") -> Iterator[FontSubset]:
    """Yield the faces that together have the characters of `text` (emoji sequences among them), the one for Latin first.

    `country` (ISO 3166-1) decides between variants of Han characters where the text does not.
    """
    wanted = {ord(character) for character in text if len(character) == 1} | _ALWAYS
    # A sequence is shaped by the face for emoji alone, of characters that other faces have too.
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
    """Return all that the face has of the blocks in which `characters` lie: a cut that other documents can use as well."""
    blocks = {character >> 7 for character in characters}
    return {character for character in code_points_of(path) if character >> 7 in blocks}


def _cut(path: Path, characters: frozenset[int]) -> FontSubset:
    return (_remembered_cut if len(characters) <= MOST_REMEMBERED else _cut_uncached)(path, characters)


def _cut_uncached(path: Path, characters: frozenset[int]) -> FontSubset:
    # The time of the cut would make two copies of one document differ.
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
