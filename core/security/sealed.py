"""What outlives a process and lies where we do not rule: it says which schema it has, and proves that we wrote it.

A sealed value is `<kind>.<schema> <MAC> <content>`. The MAC covers everything before and after it, so that nobody who
can write to Valkey can make one, edit one, or pass one kind off as another; `bound_to` ties a value to its place. The
schema is a digest of the names of what the content holds, so that no release can change them and forget to say so.

A reader has three answers to a value: its content, `UnknownSchema` (ours, of an older or newer release: read the truth
again, or set it aside for a release that knows it) and `NotOurs` (nothing to believe).
"""

import hashlib
import re
from collections.abc import Iterable

from core.security import crypto

_LAYOUT = re.compile(rb"([a-z-]{1,30}\.[0-9a-f]{8}) ([0-9a-f]{64}) ", re.ASCII)


class NotOurs(ValueError):
    """A value that no process of ours sealed for this place, or under a key that is gone."""


class UnknownSchema(ValueError):
    """A value of ours in a schema that this release does not know; the message is its tag."""


def tag_of(kind: str, names: Iterable[str]) -> str:
    """Return the tag of `kind` (lower-case letters and hyphens) whose content holds what `names` say, in that order."""
    return f"{kind}.{hashlib.sha256(','.join(names).encode()).hexdigest()[:8]}"


def seal(tag: str, content: bytes, *, bound_to: bytes = b"") -> bytes:
    """Return `content` sealed as `tag`. A `bound_to` must be given again to open it."""
    return b"%s %s %s" % (tag.encode(), crypto.mac(*_message(tag, content, bound_to)).hex().encode(), content)


def unseal(tag: str, value: bytes, *, bound_to: bytes = b"") -> bytes:
    """Return the content of a sealed value. Raises NotOurs, UnknownSchema."""
    found = _LAYOUT.match(value)
    if found is None:
        raise NotOurs("This value is not sealed.")
    own, content = found[1].decode(), value[found.end() :]
    if not crypto.mac_matches(*_message(own, content, bound_to), bytes.fromhex(found[2].decode())):
        raise NotOurs("This value was not sealed by us for this place.")
    if own != tag:
        if own.partition(".")[0] != tag.partition(".")[0]:
            raise NotOurs(f"This value is sealed as {own}, which is another kind.")
        raise UnknownSchema(own)
    return content


def _message(tag: str, content: bytes, bound_to: bytes) -> tuple[str, bytes]:
    # The length keeps what a value is bound to and its content apart.
    return "sealed", b"%s %d %s%s" % (tag.encode(), len(bound_to), bound_to, content)
