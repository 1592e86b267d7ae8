"""The client of the sandbox gateway (billing.gateways.sandbox_server), which simulates a payment service."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage

from billing.gateways.interface import ChargeOrder, GatewayUnavailable, Outcome, RefundOrder
from billing.gateways.sandbox_ledger import CARDS
from core import outbound

ADDRESS_FILE = "sandbox-gateway.json"


class SandboxGateway:
    """Calls the sandbox server at `SANDBOX_GATEWAY_URL`, or at the address it wrote to `DATA_DIR`."""

    name = "sandbox"
    payment_methods = tuple(CARDS)

    @staticmethod
    def check_settings() -> Iterable[CheckMessage]:
        """Accept any: the address may be written after start-up."""
        return ()

    def takes(self, mode: str) -> bool:
        """Accept both modes, since no real money is involved."""
        return True

    def payment_method_problem(self, payment_method: str) -> str:
        """Return a sentence listing the test cards, unless it is one of them."""
        return "" if payment_method in CARDS else f"Use one of {', '.join(CARDS)}."

    def amount_problem(self, amount: int, currency: str) -> str:
        """Return "": the sandbox uses ISO 4217 minor units."""
        return ""

    def charge(self, order: ChargeOrder) -> Outcome:
        """Execute the charge, once per key. Raises GatewayUnavailable."""
        return self._order("charges", order.key, _charge_body(order))

    def refund(self, order: RefundOrder) -> Outcome:
        """Execute the refund, once per key. Raises GatewayUnavailable."""
        return self._order("refunds", order.key, _refund_body(order))

    def abandon(self, order: ChargeOrder | RefundOrder) -> Outcome:
        """Settle an order that never got a response. Raises GatewayUnavailable."""
        body = _charge_body(order) if isinstance(order, ChargeOrder) else _refund_body(order)
        return self._order("abandoned", order.key, body)

    def _order(self, path: str, key: str, body: dict[str, Any]) -> Outcome:
        url, token = sandbox_address()
        request = outbound.OutboundRequest(
            url=f"{url}/{path}",
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {token}",
                "Idempotency-Key": key,
            },
            body=json.dumps(body).encode(),
            connect_timeout=min(3.0, settings.GATEWAY_TIMEOUT_SECONDS),
            total_timeout=settings.GATEWAY_TIMEOUT_SECONDS,
            repeatable=True,
        )
        try:
            response = outbound.send(request, outbound.TRUSTED)
        except outbound.OutboundError as error:
            raise GatewayUnavailable(f"sandbox: {error.kind}") from error
        if response.status != 200:
            raise GatewayUnavailable(f"sandbox: status {response.status}")
        try:
            answer = json.loads(response.body)
            return Outcome(
                succeeded={"succeeded": True, "failed": False}[answer["status"]],
                reference=str(answer["id"]),
                failure_code=str(answer["failure_code"] or ""),
                failure_message=str(answer["failure_message"] or ""),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise GatewayUnavailable("sandbox: an answer that cannot be read") from error


def sandbox_address() -> tuple[str, str]:
    """Return the server's URL and its token. Raises GatewayUnavailable when it has not been started.

    The server picks a free port and writes its address to `DATA_DIR`, so that several instances can run side by side.
    """
    if settings.SANDBOX_GATEWAY_URL:
        return settings.SANDBOX_GATEWAY_URL, settings.SANDBOX_GATEWAY_TOKEN
    path = Path(settings.DATA_DIR) / ADDRESS_FILE
    try:
        address = json.loads(path.read_text())
        return str(address["url"]), str(address["token"])
    except (OSError, ValueError, KeyError) as error:
        raise GatewayUnavailable(f"the sandbox gateway does not run: {path} cannot be read") from error


def _charge_body(order: ChargeOrder) -> dict[str, Any]:
    return {
        "kind": "charge",
        "mode": order.mode,
        "amount": order.amount,
        "currency": order.currency,
        "card": order.payment_method,
    }


def _refund_body(order: RefundOrder) -> dict[str, Any]:
    return {"kind": "refund", "mode": order.mode, "amount": order.amount, "charge": order.charge_reference}
