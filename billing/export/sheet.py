"""The pages of documents: PDF/A-3, A4, the required fonts, and the page footer (fpdf2)."""

import io
import logging
from collections.abc import Iterator, Sequence, Set
from datetime import datetime
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fpdf import FPDF, FPDFException
from fpdf.enums import TableBordersLayout, WrapMode, XPos, YPos
from fpdf.fonts import FontFace
from fpdf.line_break import Fragment

from billing.export.emoji import EMOJI, stand_in
from billing.export.faces import subset_fonts
from billing.export.factur_x import FILE_NAME, metadata
from billing.export.words import Words
from billing.models import SellerLogo

MARGIN_MM = 18
GREY = (96, 100, 112)
_FOOT_LINE_MM = 3.6
_TABLE_SIZES = (8, 7, 6, 5)
_CELL_PADDING_MM = 4
_MM_PER_PIXEL = 25.4 / 300
_TEXT_MM = 50  # the minimum width of a table's text column
# A placeholder for the number of pages. It cannot be typed, unlike fpdf2's own `{nb}`, which may be part of a name.
_PAGES = "\U0010fffd\U0010fffc\U0010fffd"

logging.getLogger("fpdf").setLevel(
    logging.ERROR
)  # it logs each character that no font has, which is drawn as a box


class Sheet(FPDF):
    """An A4 document with the fonts for the characters of `text`; the footer of each page has the seller's lines, name and page
    number.

    `country` (ISO 3166-1) is the reader's, and determines how Han characters are drawn.
    """

    def __init__(
        self,
        *,
        seller: str,
        footer: str,
        words: Words,
        made: datetime,
        title: str,
        text: Set[str],
        country: str,
    ) -> None:
        self._sequences: dict[str, str] = {}
        self._emoji = ""  # the name of the emoji font, if any
        super().__init__(format="A4", enforce_compliance="PDF/A-3U")
        self.seller = seller
        self.foot = footer.splitlines()
        self.words = words
        self._described = {"title": title, "author": seller, "made": made.isoformat(timespec="seconds")}
        self.set_creation_date(made)
        self.set_title(title)
        self.set_author(seller)
        self.set_lang(words.language)
        self.set_xmp_metadata(metadata(**self._described, has_xml=False))
        self._add_faces(text, country)
        self.set_margins(MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=MARGIN_MM + 6 + _FOOT_LINE_MM * len(self.foot))
        self.set_font("sans", size=9)
        self.alias_nb_pages(_PAGES)
        self.add_page()

    def _add_faces(self, text: Set[str], country: str) -> None:
        """Add the fonts as files, which fpdf2 reads, and again when the document is written."""
        self._folder = TemporaryDirectory(prefix="pomelo-faces-")
        names = []
        for number, face in enumerate(subset_fonts(text, country=country)):
            names.append(f"other{number}" if number else "sans")
            if face.name == EMOJI.stem:
                self._emoji = names[-1]
            for style, data in (("", face.regular), ("B", face.bold)):
                path = Path(self._folder.name) / f"{number}{style}.ttf"
                path.write_bytes(data)
                self.add_font(names[-1], style, path)
        self.set_fallback_fonts(names[1:], exact_match=False)
        # Joins Arabic, reorders Devanagari, and lays out right-to-left text.
        self.set_text_shaping(use_shaping_engine=True)

    def _preload_bidirectional_text(self, text: str, markdown: bool) -> Sequence[Fragment]:
        """Replace each emoji sequence by a single character while text directions are determined, because one of its parts has another."""
        text, self._sequences = stand_in(text) if self._emoji else (text, {})
        return super()._preload_bidirectional_text(text, markdown)

    def _parse_chars(self, text: str, markdown: bool, **kwargs: Any) -> Iterator[Fragment]:
        """Render each emoji sequence as one character of the emoji font; fpdf2 chooses a font per code point, and would split it."""
        for is_sequence, characters in groupby(text, key=self._sequences.__contains__):
            if not is_sequence:
                yield from super()._parse_chars("".join(characters), markdown, **kwargs)
                continue
            state = self._get_current_graphics_state()
            state.font_family = self._emoji
            state.current_font = self.fonts[self._emoji + state.font_style]
            yield Fragment([self._sequences[each] for each in characters], state, self.k)

    def attach_xml(self, xml: bytes) -> None:
        """Embed the XML with the same content as the pages."""
        self.embed_file(
            bytes=xml,
            basename=FILE_NAME,
            mime_type="text/xml",
            associated_file_relationship="Alternative",
            modification_date=self.creation_date,
            compress=True,
        )
        self.set_xmp_metadata(metadata(**self._described, has_xml=True))

    def finished(self) -> bytes:
        """Return the document; it cannot be written to afterwards."""
        try:
            return bytes(self.output())
        finally:
            self._folder.cleanup()

    def footer(self) -> None:
        """Write the footer of a page."""
        self.set_y(-MARGIN_MM - _FOOT_LINE_MM * len(self.foot))
        self.set_font("sans", size=7)
        self.set_text_color(*GREY)
        for line in self.foot:
            self.cell(0, _FOOT_LINE_MM, line, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.cell(0, 5, self.seller, align="L")
        self.set_x(MARGIN_MM)
        # Shaped text cannot be replaced afterwards, and the number of pages is not known yet.
        self.set_text_shaping(use_shaping_engine=False)
        self.cell(0, 5, self.words.page.format(page=self.page_no(), pages=_PAGES), align="R")
        self.set_text_shaping(use_shaping_engine=True)
        self.set_text_color(0)

    def write_line(self, text: str, *, size: float = 9, bold: bool = False, grey: bool = False) -> None:
        """Write one or more paragraphs, each in the direction of its own first letter."""
        self.set_font("sans", "B" if bold else "", size)
        self.set_text_color(*(GREY if grey else (0, 0, 0)))
        for paragraph in text.splitlines() or [""]:
            try:
                self.multi_cell(0, size * 0.5, paragraph, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            except FPDFException:
                # A word that is wider than the page is broken anywhere.
                self.multi_cell(
                    0, size * 0.5, paragraph, wrapmode=WrapMode.CHAR, new_x=XPos.LMARGIN, new_y=YPos.NEXT
                )
        self.set_text_color(0)

    def draw_logo(self, logo: SellerLogo) -> None:
        """Draw a logo at the left margin at 300 dpi, with the following content below it."""
        width, height = (pixels * _MM_PER_PIXEL for pixels in (logo.width, logo.height))
        self.image(io.BytesIO(logo.content), x=self.l_margin, y=self.get_y(), w=width, h=height)
        self.set_y(self.get_y() + height + 4)

    def write_row(self, label: str, value: str, *, bold: bool = False) -> None:
        """Write a label, and an amount at the right margin."""
        self.set_font("sans", "B" if bold else "", 9)
        self.cell(120, 6, label, align="R")
        self.cell(0, 6, value, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def write_table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write a table of a text and numbers. Each number column is as wide as its widest number, so that none is split; the font is
        smaller if there would be no space for the text.
        """
        for size in _TABLE_SIZES:
            self.set_font("sans", "B", size)
            numbers = [
                max(self.get_string_width(row[column]) for row in (headings, *rows)) + _CELL_PADDING_MM
                for column in range(1, len(headings))
            ]
            if self.epw - sum(numbers) >= _TEXT_MM:
                break
        self.set_font("sans", size=size)
        with self.table(
            col_widths=(self.epw - sum(numbers), *numbers),
            text_align=("LEFT", *["RIGHT"] * len(numbers)),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=FontFace(emphasis="BOLD", color=GREY),
            line_height=5,
            padding=(1, 1),
        ) as table:
            for row in (headings, *rows):
                table.row(row)
        self.ln(4)
