"""The paper that documents are written on: A4, the fonts, the foot of each page (fpdf2; fonts in `fonts/`)."""

import logging
from datetime import datetime
from pathlib import Path

from django.conf import settings
from fpdf import FPDF, FPDFException
from fpdf.enums import WrapMode, XPos, YPos

from billing.export.words import Words

FONTS = Path(__file__).parent / "fonts"
MARGIN_MM = 18
GREY = (96, 100, 112)
_FOOT_LINE_MM = 3.6
# Stands for the number of pages until it is known. Nobody types it: fpdf2's own `{nb}` may be part of a name.
_PAGES = "\U0010fffd\U0010fffc\U0010fffd"

# fpdf2 and fontTools note every glyph they drop from the font; a missing glyph is drawn as a box.
for _name in ("fontTools", "fpdf"):
    logging.getLogger(_name).setLevel(logging.ERROR)


class Sheet(FPDF):
    """A4 with our fonts; at the foot of each page the seller's own lines, its name and the page number."""

    def __init__(self, *, seller: str, footer: str, words: Words, made: datetime, title: str) -> None:
        super().__init__(format="A4")
        self.seller = seller
        self.foot = footer.splitlines()
        self.words = words
        self.set_creation_date(made)
        self.set_title(title)
        self.set_author(seller)
        self.set_lang(words.language)
        self.add_font("sans", "", FONTS / "DejaVuSans.ttf")
        self.add_font("sans", "B", FONTS / "DejaVuSans-Bold.ttf")
        fallbacks = []
        for number, path in enumerate(settings.INVOICE_FALLBACK_FONTS):
            self.add_font(f"fallback{number}", "", path)
            fallbacks.append(f"fallback{number}")
        if fallbacks:
            self.set_fallback_fonts(fallbacks, exact_match=False)
        self.set_margins(MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=MARGIN_MM + 6 + _FOOT_LINE_MM * len(self.foot))
        self.set_font("sans", size=9)
        self.alias_nb_pages(_PAGES)
        self.add_page()

    def footer(self) -> None:
        """Write the foot of a page."""
        self.set_y(-MARGIN_MM - _FOOT_LINE_MM * len(self.foot))
        self.set_font("sans", size=7)
        self.set_text_color(*GREY)
        for line in self.foot:
            self.cell(0, _FOOT_LINE_MM, line, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.cell(0, 5, self.seller, align="L")
        self.set_x(MARGIN_MM)
        self.cell(0, 5, self.words.page.format(page=self.page_no(), pages=_PAGES), align="R")
        self.set_text_color(0)

    def write_line(self, text: str, *, size: float = 9, bold: bool = False, grey: bool = False) -> None:
        """Write one paragraph."""
        self.set_font("sans", "B" if bold else "", size)
        self.set_text_color(*(GREY if grey else (0, 0, 0)))
        try:
            self.multi_cell(0, size * 0.5, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        except FPDFException:
            # A word that is wider than the page: break it anywhere.
            self.multi_cell(0, size * 0.5, text, wrapmode=WrapMode.CHAR, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_text_color(0)

    def write_row(self, label: str, value: str, *, bold: bool = False) -> None:
        """Write a label and an amount at the right margin."""
        self.set_font("sans", "B" if bold else "", 9)
        self.cell(120, 6, label, align="R")
        self.cell(0, 6, value, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
