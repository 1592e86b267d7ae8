"""Rounds: heads of many chains that are exported under one signature, as one line of AUDIT_HEADS_FILE.

Most of the 467 bytes of an individually exported head are its signature, key and time. In a full round a head takes 99 bytes and
is covered by the round's signature. A company's download contains the head's own signature, stored in `SealHead.signature`.
"""

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from audit.signing import VERSION, Chain, head_statement, public_key, sign, signer_of

# The contents of a line: by `<mode> <stream> <day>`, the company, number of seals, number of rows and last digest of each chain.
Listed = dict[str, list[list[Any]]]


class Round:
    """Heads that were signed together. The signature is verified once and shared by all of them."""

    __slots__ = ("_listed", "_signature", "_signed_at", "_signer")

    def __init__(self, listed: Listed, signed_at: str, signature: bytes) -> None:
        self._listed: Listed | None = listed
        self._signed_at, self._signature = signed_at, signature
        self._signer: bytes | None = None

    @property
    def signer(self) -> bytes | None:
        """The valid key that has signed exactly these heads, or None."""
        if self._listed is not None:
            self._signer = signer_of(_statement(self._listed, self._signed_at), self._signature)
            self._listed = None
        return self._signer


def sign_round(heads: Iterable[tuple[Chain, int, int, bytes]], *, signed_at: str) -> dict[str, object]:
    """Return the line of a round, with each chain's number of seals, number of rows and last digest."""
    listed: Listed = {}
    for chain, seals, rows, digest in heads:
        group = f"{chain.mode} {chain.stream} {chain.day.isoformat()}"
        digest_text = base64.b64encode(digest).decode()
        listed.setdefault(group, []).append([str(chain.company_id), seals, rows, digest_text])
    return {
        "heads": listed,
        "signed_at": signed_at,
        "signature": sign(_statement(listed, signed_at)).hex(),
        "public_key": public_key().hex(),
    }


def read_round(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the heads of a round in the format of individual exports, each with its Round. Raises ValueError."""
    try:
        listed: Listed = record["heads"]
        common = {name: record[name] for name in ("signed_at", "signature", "public_key")}
        one = Round(listed, str(record["signed_at"]), bytes.fromhex(record["signature"]))
        return [
            {
                **chain.as_json(),
                "seals": seals,
                "rows": rows,
                "digest": digest.hex(),
                **common,
                "round": one,
            }
            for chain, seals, rows, digest in _parsed(listed)
        ]
    except (KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise ValueError(f"This is not a round: {error}") from error


def _statement(listed: Listed, signed_at: str) -> bytes:
    """Return the statement signed by a round's signature: its time, and each head's statement on a line."""
    statements = [head_statement(*head) for head in _parsed(listed)]
    return b"\n".join([f"{VERSION} round {signed_at} heads={len(statements)}".encode(), *statements])


def _parsed(listed: Listed) -> Iterable[tuple[Chain, int, int, bytes]]:
    for group, heads in listed.items():
        mode, stream, day = group.split(" ")
        for company, seals, rows, digest in heads:
            chain = Chain.from_json({"company": company, "mode": mode, "stream": stream, "day": day})
            yield chain, int(seals), int(rows), base64.b64decode(digest, validate=True)
