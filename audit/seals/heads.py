"""Signs heads and exports them from the database, so that write access to every table is not enough to forge the trail."""

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
# In AUDIT_HEADS_FILE: this machine's name, so that machines sharing a directory do not share a file.
HOST = "{host}"
log = structlog.get_logger("pomelo.audit")


def sign_heads(*, every: float = 0.0) -> int:
    """Sign and export every head that has changed since its last signature. Return how many were signed.

    Each gets its own signature in the database; the file gets one line for all heads signed together. A head signed less than
    `every` seconds ago is left to a later call, to limit the file's growth.

    The file is written before the database, so every signed head has been exported. If the file cannot be written, this raises
    OSError and signs nothing.
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
    """Return the chain of `head`."""
    return Chain(head.company_id, head.mode, head.stream, head.day)


def statement_of(head: SealHead) -> bytes:
    """Return the statement signed by the signature of `head`."""
    return head_statement(chain_of(head), head.seals, head.rows, bytes(head.digest))


def exported_heads() -> dict[Chain, dict[str, object]]:
    """Return the newest exported head of every chain, from the files of all machines; empty without any.

    For a chain that was exported again from an earlier end, for example after an undeclared restore, it is the head from before
    that.
    """
    return read_exported()[0]


def read_exported() -> tuple[dict[Chain, dict[str, object]], set[Chain]]:
    """Return the newest exported head of every chain, and the chains that were exported again from an earlier end."""
    newest: dict[Chain, dict[str, object]] = {}
    forked: set[Chain] = set()
    # Each file is in chronological order, and so is the merged result.
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
    """Return the files of exported heads: one, or, if the name contains `{host}`, those of all machines in the directory."""
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
            except ValueError:  # a line truncated by a crash
                log.warning("audit_heads_file_line_unreadable", file=str(path))
            else:
                yield from heads


def is_signed_export(exported: dict[str, Any]) -> bool:
    """Return whether a valid key signed an exported head: individually, as in earlier releases, or with its round."""
    if (found := exported.get("round")) is not None:
        return found.signer is not None
    digest = bytes.fromhex(exported["digest"])
    statement = head_statement(Chain.from_json(exported), exported["seals"], exported["rows"], digest)
    return is_signed(statement, bytes.fromhex(exported["signature"]))


def _moment(record: dict[str, Any]) -> str:
    """Return when a record was written, as a sortable string (RFC 3339, UTC)."""
    return str(record.get("signed_at") or record.get("restored") or record.get("created") or "")


def export_restored(chains: dict[Chain, int]) -> None:
    """Append a signed record that these chains continue after the given number of seals: later ones were lost with the database."""
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
    # A replayed old line does not affect a newer head.
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
    """Open `path` for appending, creating it if necessary, under a lock among this machine's processes."""
    while True:
        file: BinaryIO = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "ab")
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # The file may have been replaced while waiting for the lock (audit.seals.compacting).
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                yield file
                return


def append_to_file(records: list[dict[str, object]]) -> None:
    """Append to AUDIT_HEADS_FILE. The records are synced before this returns. Raises OSError."""
    path = own_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = b"".join(orjson.dumps(record) + b"\n" for record in records)
    with locked(path) as file:
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())


def signer_of_head(head: SealHead) -> bytes | None:
    """Return the valid public key that has signed a head in its current state, or None."""
    return signer_of(statement_of(head), bytes(head.signature) if head.signature else None)


def head_as_json(head: SealHead) -> dict[str, object]:
    """Return a head in its download format, which is also the export format of releases before rounds."""
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
        # The key that signed it, possibly a former one; the reader verifies the signature with it.
        "public_key": (signer_of_head(head) or public_key()).hex(),
    }
