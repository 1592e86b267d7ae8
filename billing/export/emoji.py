"""Emoji of several characters: a family, a flag, a keycap, a skin tone. Each is one glyph of the face for emoji, or none at all.

Whoever looks at such a sequence character by character, as fpdf2 does to choose a face, draws its parts one beside the other.
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
# Without any of these there is no sequence, and no face has to be opened to know it.
_HINT = re.compile(f"[{_JOINER}{_PICTURE}{_KEYCAP}{_LETTERS}{_TONES}]")
# Lines, shapes and signs: neutral to the direction of a text, and the same from both sides.
_DIRECTIONLESS = tuple(map(chr, range(0x2500, 0x2768)))
# The face draws a flag that it does not have as this one does: no country has the code ZZ.
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
    """Return `text` with a character in the place of each sequence, and which stands for which.

    They have no direction, as emoji have none, and do not occur in `text`.
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
    """Return whether the face for emoji draws `sequence` as one glyph, and not as several, or as what it does not know."""
    drawn = _glyphs(sequence)
    return len(drawn) == 1 and 0 not in drawn and drawn != _glyphs(_NO_FLAG)


def _glyphs(sequence: str) -> list[int]:
    """Return the glyphs that show anything: what chooses the picture of a character is shaped as a blank of no width."""
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
