"""The sandbox gateway without its server: the same ledger in memory, called directly. For thousands of short examples."""

from billing.gateways import ChargeOrder, Outcome, RefundOrder
from billing.gateways.sandbox import SandboxGateway
from billing.gateways.sandbox_ledger import Entry, Ledger


class PocketGateway(SandboxGateway):
    """Writes to a ledger of its own, at once."""

    def __init__(self) -> None:
        self.ledger = Ledger(":memory:")

    def charge(self, order: ChargeOrder) -> Outcome:
        """Take the money."""
        body = {"kind": "charge", "mode": order.mode, "amount": order.amount, "currency": order.currency}
        return _outcome(self.ledger.order(order.key, {**body, "card": order.payment_method}))

    def refund(self, order: RefundOrder) -> Outcome:
        """Give the money back."""
        body = {
            "kind": "refund",
            "mode": order.mode,
            "amount": order.amount,
            "charge": order.charge_reference,
        }
        return _outcome(self.ledger.order(order.key, body))

    def balance(self) -> int:
        """Return what was taken less what was given back."""
        signs = {"charge": 1, "refund": -1}
        return sum(
            signs[entry.kind] * entry.amount for entry in self.ledger.entries() if entry.status == "succeeded"
        )


def _outcome(entry: Entry) -> Outcome:
    return Outcome(
        succeeded=entry.status == "succeeded",
        reference=entry.id,
        failure_code=entry.failure_code,
        failure_message=entry.failure_message,
    )
