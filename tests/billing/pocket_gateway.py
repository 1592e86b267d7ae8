"""The sandbox gateway without its server: an in-memory ledger, for thousands of short examples."""

from collections.abc import Collection

from billing.gateways import ChargeOrder, Outcome, RefundOrder
from billing.gateways.sandbox import SandboxGateway
from billing.gateways.sandbox_ledger import Entry, Ledger


class PocketGateway(SandboxGateway):
    """Writes to its own ledger, immediately."""

    def __init__(self) -> None:
        self.ledger = Ledger(":memory:")

    def charge(self, order: ChargeOrder) -> Outcome:
        """Charge."""
        body = {"kind": "charge", "mode": order.mode, "amount": order.amount, "currency": order.currency}
        return _outcome(self.ledger.order(order.key, {**body, "card": order.payment_method}))

    def refund(self, order: RefundOrder) -> Outcome:
        """Refund."""
        body = {
            "kind": "refund",
            "mode": order.mode,
            "amount": order.amount,
            "charge": order.charge_reference,
        }
        return _outcome(self.ledger.order(order.key, body))

    def balance(self, keys: Collection[str]) -> int:
        """Return the charges less the refunds of the orders with these keys.

        The completer processes every company's payments, so the ledger may contain those of other tests.
        """
        signs = {"charge": 1, "refund": -1}
        return sum(
            signs[entry.kind] * entry.amount
            for entry in self.ledger.entries()
            if entry.status == "succeeded" and entry.key in keys
        )


def _outcome(entry: Entry) -> Outcome:
    return Outcome(
        succeeded=entry.status == "succeeded",
        reference=entry.id,
        failure_code=entry.failure_code,
        failure_message=entry.failure_message,
    )
