"""The sandbox gateway's ledger: SQLite, committed to disk before each response. Independent of Pomelo's database.

Test cards:

| card | what happens |
|---|---|
| `card_success` | the money is taken |
| `card_declined` | `card_declined` |
| `card_insufficient_funds` | `insufficient_funds` |
| `card_timeout_success` | the money is taken, but the first answer never comes; asked again, it says so |
| `card_timeout_unknown` | no answer ever comes; abandoned after the last attempt, it has failed as `gateway_timeout` |

A refund within its charge succeeds, but for three amounts (in minor units):

| amount | what happens |
|---|---|
| 4,002 | `refund_declined` |
| 4,003 | the money is given back, but the first answer never comes; asked again, it says so |
| 4,004 | no answer ever comes; abandoned after the last attempt, it has failed as `gateway_timeout` |
"""

import secrets
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SILENT = "silent"

CARDS: dict[str, tuple[str, str, str]] = {
    "card_success": ("succeeded", "", ""),
    "card_declined": ("failed", "card_declined", "The card was declined."),
    "card_insufficient_funds": ("failed", "insufficient_funds", "The card has insufficient funds."),
    "card_timeout_success": ("succeeded", "", ""),
    "card_timeout_unknown": (SILENT, "", ""),
}
REFUNDS: dict[int, tuple[str, str, str]] = {
    4_002: ("failed", "refund_declined", "The bank declined the refund."),
    4_003: ("succeeded", "", ""),
    4_004: (SILENT, "", ""),
}
# Executed immediately, but the response is only sent on a retry.
_ANSWERED_LATE = ("card_timeout_success", 4_003)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    key TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('charge', 'refund')),
    mode TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    card TEXT NOT NULL,
    charge TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('succeeded', 'failed', 'silent')),
    failure_code TEXT NOT NULL,
    failure_message TEXT NOT NULL,
    calls INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX IF NOT EXISTS entries_charge ON entries (charge);
"""


class LedgerError(ValueError):
    """The order is invalid, or its key belongs to another order."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the ledger. `calls` counts how often the order was received; the money moved at most once."""

    key: str
    id: str
    kind: str
    mode: str
    amount: int
    currency: str
    card: str
    charge: str
    status: str
    failure_code: str
    failure_message: str
    calls: int

    @property
    def is_unanswered(self) -> bool:
        """Whether the caller gets no response."""
        what = self.card if self.kind == "charge" else self.amount
        return self.status == SILENT or (what in _ANSWERED_LATE and self.calls == 1)


class Ledger:
    """The orders and their outcomes. Thread-safe."""

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_SCHEMA)

    def order(self, key: str, body: Mapping[str, Any]) -> Entry:
        """Execute the order, or return its entry when the key is known. Raises LedgerError."""
        return self._write(key, body, self._decide)

    def abandon(self, key: str, body: Mapping[str, Any]) -> Entry:
        """Return the order's entry; an unknown or undecided order fails permanently. Raises LedgerError."""

        def give_up(_body: Mapping[str, Any]) -> tuple[str, str, str]:
            return "failed", "gateway_timeout", "The gateway never answered; no money was moved."

        with self._lock, self._transaction():
            found = self._find(key)
            if found is not None and found.status == SILENT:
                status, code, message = give_up(body)
                self._database.execute(
                    "UPDATE entries SET status = ?, failure_code = ?, failure_message = ? WHERE key = ?",
                    (status, code, message, key),
                )
                found = self._find(key)
        return found or self._write(key, body, give_up)

    def entries(self, key: str | None = None) -> list[Entry]:
        """Return all entries, oldest first, or the one of `key`."""
        with self._lock:
            if key is not None:
                return [found] if (found := self._find(key)) else []
            rows = self._database.execute("SELECT * FROM entries ORDER BY rowid").fetchall()
        return [Entry(**dict(row)) for row in rows]

    def _write(self, key: str, body: Mapping[str, Any], decide: Any) -> Entry:
        if not key or len(key) > 255:
            raise LedgerError("an Idempotency-Key of 1 to 255 characters is required")
        with self._lock, self._transaction():
            found = self._find(key)
            if found is not None:
                if (found.kind, found.amount) != (body.get("kind"), body.get("amount")):
                    raise LedgerError("the key belongs to another order")
                self._database.execute("UPDATE entries SET calls = calls + 1 WHERE key = ?", (key,))
                return self._found(key)
            status, code, message = decide(body)
            prefix = "sbx_ch_" if body.get("kind") == "charge" else "sbx_re_"
            self._database.execute(
                "INSERT INTO entries (key, id, kind, mode, amount, currency, card, charge, status, failure_code,"
                " failure_message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    key,
                    prefix + secrets.token_hex(12),
                    body.get("kind"),
                    str(body.get("mode", "")),
                    _amount(body),
                    str(body.get("currency", "")),
                    str(body.get("card", "")),
                    str(body.get("charge", "")),
                    status,
                    code,
                    message,
                ),
            )
            return self._found(key)

    def _decide(self, body: Mapping[str, Any]) -> tuple[str, str, str]:
        if body.get("kind") == "charge":
            try:
                return CARDS[str(body.get("card"))]
            except KeyError as error:
                raise LedgerError("there is no such test card") from error
        if body.get("kind") != "refund":
            raise LedgerError("kind is charge or refund")
        charge = self._database.execute(
            "SELECT amount FROM entries WHERE id = ? AND kind = 'charge' AND status = 'succeeded'",
            (body.get("charge"),),
        ).fetchone()
        if charge is None:
            return "failed", "charge_unknown", "There is no such charge."
        (given,) = self._database.execute(
            "SELECT coalesce(sum(amount), 0) FROM entries WHERE charge = ? AND status = 'succeeded'",
            (body.get("charge"),),
        ).fetchone()
        if given + _amount(body) > charge["amount"]:
            return "failed", "refund_exceeds_charge", "More would be given back than was taken."
        return REFUNDS.get(_amount(body), ("succeeded", "", ""))

    def _transaction(self) -> Any:
        self._database.execute("BEGIN IMMEDIATE")
        return self._database

    def _find(self, key: str) -> Entry | None:
        row = self._database.execute("SELECT * FROM entries WHERE key = ?", (key,)).fetchone()
        return Entry(**dict(row)) if row else None

    def _found(self, key: str) -> Entry:
        entry = self._find(key)
        assert entry is not None
        return entry


def _amount(body: Mapping[str, Any]) -> int:
    amount = body.get("amount")
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 < amount < 10**15:
        raise LedgerError("amount is a positive whole number")
    return amount
