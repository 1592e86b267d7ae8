"""Emoji sequences of several characters: a family, a flag, a keycap, a skin tone. Each is one glyph of the emoji font, or none at all.

Processed character by character, as fpdf2 does to choose a font, the parts of a sequence would be drawn side by side.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

EMOJI = Path(str(files("manimgx_fonts"))) / "NotoEmoji[wght].ttf"
_JOINER, _PICTURE, _KEYCAP = "\u200d", "\ufe0f", "\u20e3"
_LETTERS, _TONES, _TAGS = "\U0001f1e6-\U0001f1ff", "\U0001f3fb-\U0001f3ff", "\U000e0020-\U000e007f"
# Every sequence contains one of these, so that other texts open no font.
_HINT = re.compile(f"[{_JOINER}{_PICTURE}{_KEYCAP}{_LETTERS}{_TONES}]")
# Lines, shapes and signs: neutral in the direction of a text, and symmetric.
_DIRECTIONLESS = tuple(map(chr, range(0x2500, 0x2768)))
# The font draws unknown flags like this one: no country has the code ZZ.
_NO_FLAG = "\U0001f1ff\U0001f1ff"


def characters_in(text: str) -> Iterator[str]:
    """Yield the characters of `text`, each emoji sequence as one (Unicode Technical Standard 51)."""
    if not _HINT.search(text):
        yield from text
        return
    start = 0
    for found in _sequences().finditer(text):
        yield from text[start : found.start()]
        yield found[0]
        start = found.end()
    yield from text[start:]


def stand_in(text: str) -> tuple[str, dict[str, str]]:
    """Return `text` with each sequence replaced by a single character, and the mapping back.

    The replacements have no direction, like emoji, and do not occur in `text`.
    """
    if not _HINT.search(text):
        return text, {}
    free = (character for character in _DIRECTIONLESS if character not in text)
    chosen: dict[str, str] = {}
    found = list(characters_in(text))
    for sequence in dict.fromkeys(one for one in found if len(one) > 1):
        chosen[sequence] = next(free, sequence)
    found = [chosen.get(one, one) for one in found]
    return "".join(found), {character: sequence for sequence, character in chosen.items()}


@cache
def is_one_glyph(sequence: str) -> bool:
    """Return whether the emoji font draws `sequence` as one glyph, rather than as several or as an unknown one."""
    drawn = _glyphs(sequence)
    return len(drawn) == 1 and 0 not in drawn and drawn != _glyphs(_NO_FLAG)


def _glyphs(sequence: str) -> list[int]:
    """Return the visible glyphs: variation selectors are shaped as spaces without width."""
    import uharfbuzz

    buffer = uharfbuzz.Buffer()
    buffer.add_str(sequence)
    buffer.guess_segment_properties()
    uharfbuzz.shape(_font(), buffer)
    places = zip(buffer.glyph_infos, buffer.glyph_positions, strict=True)
    return [info.codepoint for info, position in places if position.x_advance]


@cache
def _font() -> Any:
    import uharfbuzz

    return uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(EMOJI))))


@cache
def _sequences() -> re.Pattern[str]:
    others = re.compile(f"[\x00-\x7f{_JOINER}{_PICTURE}{_KEYCAP}{_LETTERS}{_TONES}{_TAGS}]")
    pictures = "".join(re.escape(one) for one in map(chr, _font().face.unicodes) if not others.match(one))
    one = f"[{pictures}][{_PICTURE}{_TONES}{_TAGS}{_KEYCAP}]*"
    flag, keycap = f"[{_LETTERS}]{{2}}", f"[0-9#*]{_PICTURE}?{_KEYCAP}"
    return re.compile(
        f"{flag}|{keycap}|{one}(?:{_JOINER}{one})+|[{pictures}][{_PICTURE}{_TONES}{_TAGS}{_KEYCAP}]+"
    )
