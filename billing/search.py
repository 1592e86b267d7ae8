"""Splits text into the words that customers are found by, and defines when two words are equal."""

import re
import unicodedata

from core.values.texts import drop_invisible

MAX_WORD_LENGTH = 64
MAX_WORDS = 60
MAX_QUERY_WORDS = 5
# A dot above an i, with or without other marks in between.
_DOTTED_I = re.compile("i([\u0300-\u0306\u0308-\u036f]*)\u0307")


def split_words(*texts: str) -> set[str]:
    """Return the words of `texts`, ignoring case and width, cut to MAX_WORD_LENGTH.

    A word is a run of letters, digits and their combining marks, such as vowel signs in Hindi or points in Hebrew.
    """
    words: set[str] = set()
    for text in texts:
        word = ""
        for character in f"{fold(text)} ":
            if character.isalnum() or (word and unicodedata.category(character).startswith("M")):
                word += character
            elif word:
                words.add(word[:MAX_WORD_LENGTH])
                word = ""
                if len(words) >= MAX_WORDS:
                    return words
    return words


def fold(text: str) -> str:
    """Return `text` folded for caseless matching (Unicode §3.13: compatibility caseless match, NFKC_Casefold).

    The four letters I, ı, İ and i become one, combining the rules of CaseFolding.txt for Turkic and for other languages: the
    language of a name is unknown, so "istanbul" has to match "İstanbul", and "ışık" "IŞIK".
    """
    if text.isascii():
        return text.lower()
    for form in ("NFD", "NFKD"):
        text = unicodedata.normalize(form, text).casefold()
    text = unicodedata.normalize("NFKD", drop_invisible(text))
    text = _DOTTED_I.sub(r"i\1", text.replace("ı", "i"))
    return unicodedata.normalize("NFKC", text)
