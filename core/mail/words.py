"""The words of others in mails of ours: what they call themselves, their company, their browser."""

import re

from core.values.texts import on_one_line

# What a mail program makes a link of by itself: a scheme, an address, a host or a path of one.
_LINKS = re.compile(r"(?<=\w)[.。．｡](?=\w)|:(?=//)|[@＠]")
# The marks that turn the direction of what stands around them (UAX #9 §2): they make one address look like another.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def in_mail(text: str) -> str:
    """Return the words of somebody else as they may stand in a mail of ours: one line, in which nothing is a link.

    `www.example.com` becomes `www[.]example[.]com`: it says the same, and no mail program leads anybody there.
    """
    return _LINKS.sub(lambda found: f"[{found[0]}]", on_one_line(_TURNS.sub("", text)))
