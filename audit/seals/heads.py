"""Signing heads, and copying them out of the database: whoever can rewrite every table still cannot rewrite these."""

import fcntl
import glob
import heapq
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import structlog
from django.conf import settings
from django.db.models import F, Q

from audit.models import SealHead
from audit.seals.rounds import read_round, sign_round
from audit.signing import Chain, head_statement, is_signed, public_key, sign, signer_of
from core import clock
from core.clock import rfc3339
from core.tenancy import system_context

BATCH = 500
# In AUDIT_HEADS_FILE: this machine's name, so that machines that share a folder do not share a file.
HOST = "{host}"
log = structlog.get_logger("pomelo.audit")


def sign_heads(*, every: float = 0.0) -> int:
    """Sign every head that has changed since its last signature and export it; return how many there were.

    Each gets a signature of its own in the database, and the file one line for all that were signed together. One that was signed less than `every` seconds ago is left to a later call: each signature is a line of the file.

    The file is written before the database: a head that is signed here is also out there. Raises OSError when the file
    cannot be written, and then signs nothing.
    """
    signed = 0
    rested = Q(signed_at=None) | Q(signed_at__lte=clock.now() - timedelta(seconds=every))
    while True:
        with system_context(reason="sign seal heads"):
            heads = list(
                SealHead.objects.select_for_update(skip_locked=True)
                .filter(rested if every else Q(), ~Q(seals=F("signed_seals")))
                .order_by("changed")[:BATCH]
            )
            if not heads:
                return signed
            now = clock.now()
            for head in heads:
                head.signature = sign(statement_of(head))
                head.signed_seals, head.signed_at = head.seals, now
            listed = [(chain_of(head), head.seals, head.rows, bytes(head.digest)) for head in heads]
            append_to_file([sign_round(listed, signed_at=rfc3339(now))])
            SealHead.objects.bulk_update(heads, ["signature", "signed_seals", "signed_at"])
        signed += len(heads)


def chain_of(head: SealHead) -> Chain:
    """Return the name of the chain that `head` ends."""
    return Chain(head.company_id, head.mode, head.stream, head.day)


def statement_of(head: SealHead) -> bytes:
    """Return what the signature of `head` signs."""
    return head_statement(chain_of(head), head.seals, head.rows, bytes(head.digest))


def exported_heads() -> dict[Chain, dict[str, object]]:
    """Return the newest exported head of every chain, from the files of all machines; empty when there is none.

    A chain that was exported again from an earlier end, as by a database that was restored and not said to be, keeps the
    head from before that.
    """
    return read_exported()[0]


def read_exported() -> tuple[dict[Chain, dict[str, object]], set[Chain]]:
    """Return the newest exported head of every chain, and the chains that were exported again from an earlier end."""
    newest: dict[Chain, dict[str, object]] = {}
    forked: set[Chain] = set()
    # Each file is in the order of its moments; so is what is read of all of them.
    for head in heapq.merge(*map(_read_file, heads_files()), key=_moment):
        if "dropped" in head:
            continue
        if "restored" in head:
            _forget_lost(newest, forked, head)
            continue
        chain = Chain.from_json(head)
        last = newest.get(chain, head)
        if (last["seals"], last["digest"]) != (head["seals"], head["digest"]) and last["seals"] >= head[
            "seals"
        ]:
            forked.add(chain)
        if chain not in forked:
            newest[chain] = head
    return newest, forked


def heads_files() -> list[Path]:
    """Return the files of exported heads: one, or where the name has `{host}`, that of every machine in the folder."""
    path = Path(settings.AUDIT_HEADS_FILE)
    if HOST in path.name:
        found = path.parent.glob(glob.escape(path.name).replace(HOST, "*"))
        return sorted(each for each in found if each.is_file())
    return [path] if path.exists() else []


def _read_file(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            try:
                record = orjson.loads(line)
                heads = read_round(record) if "heads" in record else [record]
            except ValueError:  # a line cut off by a crash
                log.warning("audit_heads_file_line_unreadable", file=str(path))
            else:
                yield from heads


def is_signed_export(exported: dict[str, Any]) -> bool:
    """Tell whether an exported head was signed by a key that holds: by itself, as earlier releases did, or with its round."""
    if (found := exported.get("round")) is not None:
        return found.signer is not None
    digest = bytes.fromhex(exported["digest"])
    statement = head_statement(Chain.from_json(exported), exported["seals"], exported["rows"], digest)
    return is_signed(statement, bytes.fromhex(exported["signature"]))


def _moment(record: dict[str, Any]) -> str:
    """Return when a record was written, as a text that sorts (RFC 3339, UTC)."""
    return str(record.get("signed_at") or record.get("restored") or record.get("created") or "")


def export_restored(chains: dict[Chain, int]) -> None:
    """Append, signed, that these chains go on after so many seals: what came then was lost with the database."""
    now = rfc3339(clock.now())
    append_to_file(
        [
            {
                **chain.as_json(),
                "restored": now,
                "seals": seals,
                "signature": sign(_restored_statement(chain, seals, now)).hex(),
                "public_key": public_key().hex(),
            }
            for chain, seals in chains.items()
        ]
    )


def _forget_lost(
    newest: dict[Chain, dict[str, object]], forked: set[Chain], record: dict[str, object]
) -> None:
    chain = Chain.from_json(record)
    statement = _restored_statement(chain, int(str(record["seals"])), str(record["restored"]))
    # An old line that is put there again says nothing about a newer head.
    is_newer = chain in newest and str(newest[chain]["signed_at"]) < str(record["restored"])
    if is_newer and is_signed(statement, bytes.fromhex(str(record["signature"]))):
        del newest[chain]
        forked.discard(chain)


def _restored_statement(chain: Chain, seals: int, moment: str) -> bytes:
    return f"{chain.name} restored={moment} seals={seals}".encode()


def own_file() -> Path:
    """Return the file that this machine appends to."""
    return Path(settings.AUDIT_HEADS_FILE.replace(HOST, socket.gethostname()))


@contextmanager
def locked(path: Path) -> Iterator[BinaryIO]:
    """Open `path` for appending, made if it is not there, and let no other process of this machine append meanwhile."""
    while True:
        file: BinaryIO = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "ab")
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Another file may have taken its place while the lock was waited for (audit.seals.compacting).
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                yield file
                return


def append_to_file(records: list[dict[str, object]]) -> None:
    """Append to AUDIT_HEADS_FILE; the records are on disk before this returns. Raises OSError."""
    path = own_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = b"".join(orjson.dumps(record) + b"\n" for record in records)
    with locked(path) as file:
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())


def signer_of_head(head: SealHead) -> bytes | None:
    """Return the public key that has signed a head, of those that hold; None when nobody of them has signed it as it is."""
    return signer_of(statement_of(head), bytes(head.signature) if head.signature else None)


def head_as_json(head: SealHead) -> dict[str, object]:
    """Return a head as it is downloaded, and was exported by releases before rounds."""
    return {
        "company": str(head.company_id),
        "mode": head.mode,
        "stream": head.stream,
        "day": head.day.isoformat(),
        "seals": head.seals,
        "rows": head.rows,
        "digest": bytes(head.digest).hex(),
        "signature": bytes(head.signature).hex() if head.signature else None,
        "signed_at": rfc3339(head.signed_at) if head.signed_at else None,
        # The key that signed it, which may be a former one: the reader checks the signature by it.
        "public_key": (signer_of_head(head) or public_key()).hex(),
    }
