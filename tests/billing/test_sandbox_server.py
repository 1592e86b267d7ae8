"""The sandbox gateway: authentication, and what an idempotency key identifies."""

import json
import stat
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from billing.gateways.sandbox import ADDRESS_FILE, sandbox_address
from billing.gateways.sandbox_ledger import CARDS, REFUNDS, Ledger, LedgerError
from tests.sandbox import SandboxProcess

ORDER = {"kind": "charge", "mode": "test", "amount": 100, "currency": "EUR", "card": "card_success"}


def post(path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    url, token = sandbox_address()
    sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data=data, headers=sent)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_the_sandbox_requires_its_token(gateway: SandboxProcess) -> None:
    before = len(gateway.ledger())
    for token in ("", "Bearer ", "Bearer wrong"):
        assert post("/charges", ORDER, Authorization=token, **{"Idempotency-Key": "intruder"})[0] == 401
    assert len(gateway.ledger()) == before
    assert stat.S_IMODE((Path(settings.DATA_DIR) / ADDRESS_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/charges", b"{", 400),
        ("/charges", [1], 400),
        ("/charges", {**ORDER, "amount": 0}, 400),
        ("/charges", {**ORDER, "amount": True}, 400),
        ("/charges", {**ORDER, "card": "card_gold"}, 400),
        ("/charges", {**ORDER, "kind": "gift"}, 400),
        ("/elsewhere", ORDER, 404),
    ],
)
def test_the_sandbox_refuses_malformed_requests(
    gateway: SandboxProcess, path: str, body: Any, status: int
) -> None:
    before = len(gateway.ledger())
    assert post(path, body, **{"Idempotency-Key": "nonsense"})[0] == status
    assert len(gateway.ledger()) == before


def test_sandbox_order_without_a_key_is_refused(gateway: SandboxProcess) -> None:
    assert post("/charges", ORDER)[0] == 400


def test_idempotency_key_makes_one_order(gateway: SandboxProcess) -> None:
    key = {"Idempotency-Key": "the-same"}
    first, again = post("/charges", ORDER, **key), post("/charges", ORDER, **key)
    assert first == again
    assert post("/charges", {**ORDER, "amount": 101}, **key)[0] == 400
    [entry] = gateway.ledger("the-same")
    assert (entry["amount"], entry["calls"]) == (100, 2)


def test_abandoned_order_can_never_be_executed() -> None:
    ledger = Ledger(":memory:")
    assert ledger.abandon("late", ORDER).failure_code == "gateway_timeout"
    assert ledger.order("late", ORDER).status == "failed"
    taken = ledger.order("early", ORDER)
    assert ledger.abandon("early", ORDER).status == taken.status == "succeeded"


def test_refund_stays_within_its_charge() -> None:
    ledger = Ledger(":memory:")
    charge = ledger.order("c", ORDER)
    refund = {"kind": "refund", "mode": "test", "amount": 60, "charge": charge.id}
    assert ledger.order("r1", refund).status == "succeeded"
    assert ledger.order("r2", refund).failure_code == "refund_exceeds_charge"
    assert ledger.order("r3", {**refund, "charge": "sbx_ch_none"}).failure_code == "charge_unknown"
    with pytest.raises(LedgerError):
        ledger.order("r1", {**refund, "amount": 61})


def test_every_card_and_amount_is_documented() -> None:
    page = (Path(settings.BASE_DIR) / "docs" / "billing.md").read_text()
    assert [what for what in (*CARDS, *REFUNDS) if f"`{what}`" not in page] == []
