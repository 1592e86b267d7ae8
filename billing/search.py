"""How text is split into the words a customer is found by, and what makes two words the same."""

import re
import unicodedata

from core.values.texts import drop_invisible

MAX_WORD_LENGTH = 64
MAX_WORDS = 60
MAX_QUERY_WORDS = 5
# A dot above an i, with other marks between them or without.
_DOTTED_I = re.compile("i([\u0300-\u0306\u0308-\u036f]*)\u0307")


def split_words(*texts: str) -> set[str]:
    """Return the words of `texts`, whatever their case and width, cut to MAX_WORD_LENGTH.

    A word is a run of letters, digits and the marks that belong to them: vowel signs of Hindi or points of Hebrew are marks.
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
    """Return `text` without what caseless matching ignores (Unicode §3.13: compatibility caseless match, NFKC_Casefold).

    The four letters I, ı, İ and i become one, as CaseFolding.txt has them for Turkic languages and for the others together:
    a name does not say which language it is in, so "istanbul" has to find "İstanbul", and "ışık" "IŞIK".
    """
    if text.isascii():
        return text.lower()
    for form in ("NFD", "NFKD"):
        text = unicodedata.normalize(form, text).casefold()
    text = unicodedata.normalize("NFKD", drop_invisible(text))
    text = _DOTTED_I.sub(r"i\1", text.replace("ı", "i"))
    return unicodedata.normalize("NFKC", text)
