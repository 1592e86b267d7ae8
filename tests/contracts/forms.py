"""Reads the forms of a page, so that tests can send them with values nobody chose for them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

# Controls that send nothing by themselves.
_SILENT = frozenset({"submit", "button", "reset", "image", "file"})


@dataclass
class Form:
    """One form of a page: where and how it is sent, and by name what it would send untouched and how much may be typed.

    `buttons` are the named ones beside one without a name: they ask for something else than what the form is for.
    """

    method: str
    action: str
    values: dict[str, list[str]] = field(default_factory=dict)
    longest: dict[str, int] = field(default_factory=dict)
    buttons: set[str] = field(default_factory=set)

    def add(self, name: str, value: str | None = None) -> None:
        """Know a control, and what it would send if anything."""
        sent = self.values.setdefault(name, [])
        if value is not None:
            sent.append(value)


class _Reader(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._select = self._first_option = ""
        self._text_of = ""
        self._has_plain_button = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            method = found.get("method", "get").upper()
            self._open = Form(method, found.get("action") or self.address)
            self.forms.append(self._open)
            self._has_plain_button = False
        if self._open is None:
            return
        name = found.get("name", "")
        if found.get("maxlength"):
            self._open.longest[name] = int(found["maxlength"])
        if tag == "input" and name and found.get("type") not in _SILENT:
            is_choice = found.get("type") in ("checkbox", "radio")
            chosen = not is_choice or "checked" in found
            self._open.add(name, found.get("value", "on" if is_choice else "") if chosen else None)
        elif tag == "select":
            self._select, self._first_option = name, ""
            self._open.add(name)
        elif tag == "option" and self._select:
            if "selected" in found:
                self._open.add(self._select, found.get("value", ""))
            self._first_option = self._first_option or found.get("value", "")
        elif tag == "textarea":
            self._text_of = name
            self._open.add(name, "")
        elif tag == "button" and name:
            self._open.add(name, found.get("value", ""))
            self._open.buttons.add(name)
        elif tag == "button" and found.get("type", "submit") == "submit":
            self._has_plain_button = True

    def handle_endtag(self, tag: str) -> None:
        if self._open is None:
            return
        if tag == "form":
            if not self._has_plain_button:
                self._open.buttons.clear()
            self._open = None
        elif tag == "select":
            if self._select and not self._open.values[self._select]:
                self._open.add(self._select, self._first_option)
            self._select = ""
        elif tag == "textarea":
            self._text_of = ""

    def handle_data(self, data: str) -> None:
        if self._open is not None and self._text_of:
            self._open.values[self._text_of][-1] += data


def read_forms(html: str, *, address: str) -> list[Form]:
    """Return the forms of a page that was found at `address`."""
    reader = _Reader(address)
    reader.feed(html)
    return reader.forms
