"""Full-text search of the documentation by section. Every word of the query must match."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from config.pages.docs.documents import Document, all_documents
from config.pages.docs.rendering import anchor_of

MOST_HITS = 20
MAX_QUESTION = 200
MAX_WORDS = 10
_HEADING = re.compile(r"^(#{1,3}) +(.+)$")
_WORD = re.compile(r"[\w/-]+")
_MARKS = re.compile(r"[*`|]+|\[([^\]]*)\]\([^)]*\)")
_EXCERPT = 180


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of a page and the text below it. `lowered`: title, heading and text in lowercase, for searching."""

    document: Document
    anchor: str
    heading: str
    text: str
    lowered: tuple[str, str, str]

    @property
    def url(self) -> str:
        """Its URL on this site."""
        return f"/docs/{self.document.slug}/" + (f"#{self.anchor}" if self.anchor else "")


@dataclass(frozen=True, slots=True)
class Hit:
    """A matching section, with an excerpt around the match."""

    section: Section
    excerpt: str


def search(question: str) -> list[Hit]:
    """Return the sections that match each word of `question` as a prefix, best first, at most MOST_HITS.

    Only the first MAX_WORDS distinct words are used.
    """
    words = list(dict.fromkeys(_WORD.findall(question[:MAX_QUESTION].lower())))[:MAX_WORDS]
    if not words:
        return []
    begins = [rf"(?<!\w){re.escape(word)}" for word in words]
    patterns = [re.compile(begin) for begin in begins]
    ranked = []
    for number, section in enumerate(_all_sections()):
        score = _score(section, patterns)
        if score:
            ranked.append((-score, number, section))
    any_word = re.compile("|".join(begins), re.IGNORECASE)
    return [Hit(section, _excerpt(section.text, any_word)) for _, _, section in sorted(ranked)[:MOST_HITS]]


def _score(section: Section, patterns: list[re.Pattern[str]]) -> int:
    """Return how well a section matches: titles outweigh headings, headings outweigh text. 0 means no match."""
    score = 0
    title, heading, text = section.lowered
    for pattern in patterns:
        found = 8 * bool(pattern.search(title)) + 6 * bool(pattern.search(heading))
        found += min(len(pattern.findall(text)), 5)
        if not found:
            return 0
        score += found
    return score


def _excerpt(text: str, any_word: re.Pattern[str]) -> str:
    """Return an excerpt of `text` around the first match."""
    found = any_word.search(text)
    begin = max(0, (found.start() if found else 0) - _EXCERPT // 3)
    begin = text.rfind(" ", 0, begin) + 1 if begin else 0
    piece = text[begin : begin + _EXCERPT]
    if begin + _EXCERPT < len(text):
        piece = piece.rpartition(" ")[0] or piece
    return ("… " if begin else "") + piece + (" …" if begin + _EXCERPT < len(text) else "")


def _all_sections() -> list[Section]:
    return [section for document in all_documents() for section in _sections_of(document, document.text)]


@lru_cache(maxsize=128)
def _sections_of(document: Document, text: str) -> tuple[Section, ...]:
    return tuple(_split(document, text))


def _split(document: Document, text: str) -> Iterator[Section]:
    anchor, heading, lines, in_code = "", document.title, [], False
    for line in text.splitlines():
        in_code ^= line.startswith("```")
        found = None if in_code else _HEADING.match(line)
        if found is None:
            lines.append(line)
            continue
        if lines:
            yield _section(document, anchor, heading, lines)
        anchor = "" if found[1] == "#" else anchor_of(found[2])
        heading, lines = found[2].replace("`", ""), []
    yield _section(document, anchor, heading, lines)


def _section(document: Document, anchor: str, heading: str, lines: list[str]) -> Section:
    text = _plain(lines)
    return Section(document, anchor, heading, text, (document.title.lower(), heading.lower(), text.lower()))


def _plain(lines: list[str]) -> str:
    text = " ".join(line for line in lines if not re.fullmatch(r"[|:\- ]+|```.*", line))
    return " ".join(_MARKS.sub(lambda found: found[1] or " ", text).split())
