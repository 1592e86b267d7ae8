"""User-supplied text in platform emails: names of people and companies, browsers."""

import re

from core.values.texts import on_one_line

# Text that mail clients turn into links: schemes, email addresses, host names and paths.
_LINKS = re.compile(r"(?<=\w)[.。．｡](?=\w)|:(?=//)|[@＠]")
# Bidirectional control characters (UAX #9 §2), which can make one address look like another.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def email_safe(text: str) -> str:
    """Make user-supplied text safe for an email: a single line without anything that becomes a link.

    `www.example.com` becomes `www[.]example[.]com`, which stays readable, but no mail client links to it.
    """
    return _LINKS.sub(lambda found: f"[{found[0]}]", on_one_line(_TURNS.sub("", text)))
