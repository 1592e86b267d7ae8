"""A local HTTP server with the routes of Stripe's API that the gateway uses, in place of a paid external service.

It keeps PaymentIntents, payment pages and refunds in memory, replays what it answered under an idempotency key, tells live from test by the
key it is called with, and can be told to lose or spoil its next answer after it has carried the call out.
"""

import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.serving import serving

LIVE_KEY, TEST_KEY = "sk_live_stand_in", "sk_test_stand_in"
KEYS = {LIVE_KEY: "live", TEST_KEY: "test"}
# Payment methods of Stripe's own test mode: https://docs.stripe.com/testing
DECLINES = {
    "pm_card_chargeDeclined": ("card_declined", "generic_decline", "Your card was declined."),
    "pm_card_chargeDeclinedInsufficientFunds": (
        "card_declined",
        "insufficient_funds",
        "Your card has insufficient funds.",
    ),
    "pm_card_authenticationRequired": (
        "authentication_required",
        "authentication_required",
        "This transaction requires authentication.",
    ),
}
Answer = tuple[int, Any]
# What happens to a response: None loses it, bytes replace its body, with the status before them.
Mishap = tuple[int, bytes] | None


class Stripe:
    """The state of the service, and the requests it received."""

    def __init__(self) -> None:
        self.url = ""
        self.pages = "https://checkout.stripe.com"
        self.intents: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str, dict[str, str], dict[str, str]]] = []
        self.refund_status = "succeeded"
        # How long a caller whose answer is lost waits for the connection to end.
        self.silent_seconds = 0.0
        self._kept: dict[tuple[str, str], tuple[str, Answer]] = {}
        self._mishaps: list[tuple[str, Mishap]] = []
        self._lock = threading.Lock()

    def spoil(self, route: str, mishap: Mishap = None, *, times: int = 1) -> None:
        """Lose the next responses of calls whose path ends with `route`, or replace them."""
        self._mishaps += [(route, mishap)] * times

    def forget_keys(self) -> None:
        """Simulate the end of a day: forget idempotency keys."""
        self._kept.clear()

    def taken(self, key: str) -> list[dict[str, Any]]:
        """Return the successful payments under one of our keys."""
        return [each for each in self.made(key) if each["status"] == "succeeded"]

    def made(self, key: str) -> list[dict[str, Any]]:
        """Return every PaymentIntent under one of our keys."""
        return [each for each in self.intents.values() if each["metadata"].get("pomelo_key") == key]

    def given_back(self, key: str) -> list[dict[str, Any]]:
        """Return every refund under one of our keys."""
        return [each for each in self.refunds.values() if each["metadata"].get("pomelo_key") == key]

    def pay(self, url: str, *, then: str = "paid") -> dict[str, Any]:
        """Pay on the payment page with this URL; returns the session, which has to be open."""
        [session] = [each for each in self.sessions.values() if each["url"] == url]
        assert session["status"] == "open"
        intent = {
            "id": f"pi_{secrets.token_hex(8)}",
            "object": "payment_intent",
            "amount": session["amount_total"],
            "currency": session["currency"],
            "livemode": session["livemode"],
            "status": "succeeded" if then == "paid" else "processing",
            "metadata": session["metadata"],
            "last_payment_error": None,
        }
        self.intents[intent["id"]] = intent
        session.update(status="complete", payment_status=then, payment_intent=intent["id"], url=None)
        return session

    def answer(self, method: str, path: str, given: dict[str, str], headers: dict[str, str]) -> Any:
        """Execute a call; returns status, body and headers, or how its response is altered."""
        with self._lock:
            self.calls.append((method, path, given, headers))
            mode = KEYS.get(headers.get("authorization", "").removeprefix("Bearer "))
            key = headers.get("idempotency-key", "")
            replayed = {}
            if mode is None:
                status, body = 401, _error("invalid_request_error", "Invalid API Key provided")
            elif key and (mode, key) in self._kept:
                before, (status, body) = self._kept[mode, key]
                body = json.loads(json.dumps(body))
                replayed = {"Idempotent-Replayed": "true"}
                if before != f"{path}{sorted(given.items())}":
                    status, body = 400, _error("idempotency_error", "Keys can only be used once")
            else:
                status, body = self._do(method, path, given, mode)
                body = json.loads(json.dumps(body))
                if key:
                    self._kept[mode, key] = f"{path}{sorted(given.items())}", (status, body)
            for index, (route, mishap) in enumerate(self._mishaps):
                if path.endswith(route):
                    del self._mishaps[index]
                    return mishap
            return status, body, replayed

    def _do(self, method: str, path: str, given: dict[str, str], mode: str) -> Answer:
        match [method, *path.strip("/").split("/")[1:]]:
            case ["POST", "payment_intents"]:
                return self._make(given, mode)
            case ["GET", "payment_intents", "search"]:
                wanted = given["query"].split("'")[3]
                return 200, {
                    "object": "search_result", "url": path, "has_more": False, "data": self.made(wanted)
                }  # fmt: skip
            case ["GET", "payment_intents", name] if name in self.intents:
                return 200, self.intents[name]
            case ["POST", "payment_intents", name, "confirm"] if name in self.intents:
                return self._confirm(self.intents[name])
            case ["POST", "payment_intents", name, "cancel"] if name in self.intents:
                if self.intents[name]["status"] in ("succeeded", "processing", "canceled"):
                    return 400, _error("invalid_request_error", "No", code="payment_intent_unexpected_state")
                self.intents[name]["status"] = "canceled"
                return 200, self.intents[name]
            case ["POST", "checkout", "sessions"]:
                return self._open(given, mode)
            case ["GET", "checkout", "sessions", name] if name in self.sessions:
                return 200, self.sessions[name]
            case ["POST", "checkout", "sessions", name, "expire"] if name in self.sessions:
                if self.sessions[name]["status"] != "open":
                    return 400, _error("invalid_request_error", "Only open sessions can be expired")
                self.sessions[name].update(status="expired", url=None)
                return 200, self.sessions[name]
            case ["POST", "refunds"]:
                return self._give_back(given)
            case ["GET", "refunds"]:
                data = [
                    each
                    for each in self.refunds.values()
                    if each["payment_intent"] == given["payment_intent"]
                ]
                return 200, {"object": "list", "url": path, "has_more": False, "data": data}
            case ["GET", "refunds", name] if name in self.refunds:
                return 200, self.refunds[name]
        return 404, _error("invalid_request_error", "No such object", code="resource_missing", param="intent")

    def _make(self, given: dict[str, str], mode: str) -> Answer:
        if given["payment_method"] == "pm_missing":
            return 400, _error(
                "invalid_request_error",
                "No such PaymentMethod: 'pm_missing'",
                code="resource_missing",
                param="payment_method",
            )
        intent = {
            "id": f"pi_{secrets.token_hex(8)}",
            "object": "payment_intent",
            "amount": int(given["amount"]),
            "currency": given["currency"],
            "livemode": mode == "live",
            "status": "requires_confirmation",
            "payment_method": given["payment_method"],
            "metadata": {"pomelo_key": given["metadata[pomelo_key]"]},
            "last_payment_error": None,
        }
        self.intents[intent["id"]] = intent
        return 200, intent

    def _open(self, given: dict[str, str], mode: str) -> Answer:
        if int(given["expires_at"]) < time.time() + 30 * 60:
            return 400, _error("invalid_request_error", "At least 30 minutes", param="expires_at")
        amount = int(given["line_items[0][price_data][unit_amount]"])
        if amount < 50:
            return 400, _error("invalid_request_error", "At least 0.50", code="amount_too_small")
        name = f"cs_{mode}_{secrets.token_hex(8)}"
        session = {
            "id": name,
            "object": "checkout.session",
            "url": f"{self.pages}/c/pay/{name}#{secrets.token_hex(4)}",
            "amount_total": amount,
            "currency": given["line_items[0][price_data][currency]"],
            "expires_at": int(given["expires_at"]),
            "livemode": mode == "live",
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
            "metadata": {"pomelo_key": given["metadata[pomelo_key]"]},
            "success_url": given["success_url"],
            "cancel_url": given["cancel_url"],
        }
        self.sessions[name] = session
        return 200, session

    def _confirm(self, intent: dict[str, Any]) -> Answer:
        if intent["status"] != "requires_confirmation":
            return 400, _error("invalid_request_error", "No", code="payment_intent_unexpected_state")
        if intent["payment_method"] in DECLINES:
            code, decline_code, message = DECLINES[intent["payment_method"]]
            refusal = _error("card_error", message, code=code, decline_code=decline_code)
            intent.update(status="requires_payment_method", last_payment_error=refusal["error"])
            return 402, refusal
        intent["status"] = "succeeded"
        return 200, intent

    def _give_back(self, given: dict[str, str]) -> Answer:
        intent = self.intents[given["payment_intent"]]
        before = sum(
            each["amount"] for each in self.refunds.values() if each["payment_intent"] == intent["id"]
        )
        if before + int(given["amount"]) > intent["amount"]:
            return 400, _error("invalid_request_error", "Already refunded.", code="charge_already_refunded")
        refund = {
            "id": f"re_{secrets.token_hex(8)}",
            "object": "refund",
            "amount": int(given["amount"]),
            "currency": intent["currency"],
            "payment_intent": intent["id"],
            "status": self.refund_status,
            "metadata": {"pomelo_key": given["metadata[pomelo_key]"]},
        }
        self.refunds[refund["id"]] = refund
        return 200, refund


def _error(kind: str, message: str, **more: str) -> dict[str, Any]:
    return {"error": {"type": kind, "message": message, **more}}


def dispute_event(
    payment_intent: str, status: str = "needs_response", *, created: int, dispute_id: str = "", **fields: Any
) -> str:
    """Return the body of an event about a dispute of 50.00 EUR, with evidence due by 2026-12-24."""
    dispute = {
        "id": dispute_id or f"du_of_{payment_intent}",
        "object": "dispute",
        "amount": 5_000,
        "currency": "eur",
        "reason": "fraudulent",
        "status": status,
        "payment_intent": payment_intent,
        "evidence_details": {"due_by": 1_798_070_400},
        **fields,
    }
    kind = "charge.dispute.created" if status == "needs_response" else "charge.dispute.updated"
    event = {"id": "evt_1", "object": "event", "type": kind, "created": created, "livemode": True}
    return json.dumps({**event, "data": {"object": dispute}})


def signed(body: str, secret: str) -> dict[str, str]:
    """Return the signature header of an event sent now (https://docs.stripe.com/webhooks#verify-manually)."""
    moment = int(time.time())
    digest = hmac.digest(secret.encode(), f"{moment}.{body}".encode(), "sha256")
    return {"Stripe-Signature": f"t={moment},v1={digest.hex()}"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    stripe: Stripe


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *args: Any) -> None:
        """Log nothing."""

    def _show_page(self, path: str) -> None:
        """Serve the payment page, with buttons to pay or to go back."""
        stripe = self.server.stripe
        name = path.rpartition("/")[2]
        session = stripe.sessions[name]
        self.send_response(303 if self.command == "POST" else 200)
        if self.command == "POST":
            stripe.pay(session["url"])
            self.send_header("Location", session["success_url"])
        page = f'<form method="post"><button>Pay</button></form><a href="{session["cancel_url"]}">Back</a>'
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page.encode())

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.startswith("/c/pay/"):
            self._show_page(parts.path)
            return
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length).decode() if length else parts.query
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.stripe.answer(
            self.command, parts.path, dict(parse_qsl(text, keep_blank_values=True)), headers
        )
        if answer is None:
            time.sleep(self.server.stripe.silent_seconds)
            self.close_connection = True
            return
        status, body, *more = answer
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in (more[0] if more else {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET: Callable[[Any], None] = _answer  # noqa: N815 - the names the server looks for
    do_POST: Callable[[Any], None] = _answer  # noqa: N815


@contextmanager
def stripe_stand_in() -> Iterator[Stripe]:
    """Run the server in a thread, on a free local port."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.stripe = Stripe()
    with serving(server) as server.stripe.url:
        yield server.stripe
