"""How text is split into the words a customer is found by."""

import re
import unicodedata

MAX_WORD_LENGTH = 64
MAX_WORDS = 60
MAX_QUERY_WORDS = 5
_WORD = re.compile(r"[^\W_]+")


def split_words(*texts: str) -> set[str]:
    """Return the words of `texts`, whatever their case and width, cut to MAX_WORD_LENGTH."""
    words: set[str] = set()
    for text in texts:
        for match in _WORD.finditer(unicodedata.normalize("NFKC", text).casefold()):
            words.add(match.group()[:MAX_WORD_LENGTH])
            if len(words) >= MAX_WORDS:
                return words
    return words
