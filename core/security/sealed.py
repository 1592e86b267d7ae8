"""Authenticated, versioned values for stores that outlive a process and are not trusted.

A sealed value is `<kind>.<schema> <MAC> <content>`. The MAC covers everything before and after it, so that write access to
Valkey is not enough to forge a value, edit it, or pass one kind off as another; `bound_to` ties a value to its location. The
schema is a digest of the content's field names, so that no release can change them without changing the schema.

Reading a value yields its content, `UnknownSchema` (ours, from an older or newer release: read the source of truth again,
or set it aside for a release that knows it) or `InvalidSealedValue` (not to be trusted).
"""

import hashlib
import re
from collections.abc import Iterable

from core.security import crypto

_LAYOUT = re.compile(rb"([a-z-]{1,30}\.[0-9a-f]{8}) ([0-9a-f]{64}) ", re.ASCII)


class InvalidSealedValue(ValueError):
    """A value that was not sealed by us for this location, or was sealed with a key that is gone."""


class UnknownSchema(ValueError):
    """An authentic value in a schema that this release does not know; the message is its tag."""


def tag_of(kind: str, names: Iterable[str]) -> str:
    """Return the tag of `kind` (lower-case letters and hyphens) for content with the fields `names`, in that order."""
    return f"{kind}.{hashlib.sha256(','.join(names).encode()).hexdigest()[:8]}"


def seal(tag: str, content: bytes, *, bound_to: bytes = b"") -> bytes:
    """Return `content` sealed as `tag`. `unseal` requires the same `bound_to`."""
    return b"%s %s %s" % (tag.encode(), crypto.mac(*_message(tag, content, bound_to)).hex().encode(), content)


def unseal(tag: str, value: bytes, *, bound_to: bytes = b"") -> bytes:
    """Return the content of a sealed value. Raises InvalidSealedValue, UnknownSchema."""
    found = _LAYOUT.match(value)
    if found is None:
        raise InvalidSealedValue("This value is not sealed.")
    own, content = found[1].decode(), value[found.end() :]
    if not crypto.mac_matches(*_message(own, content, bound_to), bytes.fromhex(found[2].decode())):
        raise InvalidSealedValue("This value was not sealed by us for this place.")
    if own != tag:
        if own.partition(".")[0] != tag.partition(".")[0]:
            raise InvalidSealedValue(f"This value is sealed as {own}, which is another kind.")
        raise UnknownSchema(own)
    return content


def _message(tag: str, content: bytes, bound_to: bytes) -> tuple[str, bytes]:
    # The length prefix separates `bound_to` from the content unambiguously.
    return "sealed", b"%s %d %s%s" % (tag.encode(), len(bound_to), bound_to, content)
