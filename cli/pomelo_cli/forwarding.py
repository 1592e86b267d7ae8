"""Forwards events to a local server, signed like Pomelo's webhooks (Standard Webhooks)."""

from __future__ import annotations

import base64
import json
import secrets
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import standardwebhooks

from pomelo_cli import __version__
from pomelo_cli.api import parse_url

# The same as Pomelo's deliveries: 15 seconds, and bodies up to 64 KiB.
TIMEOUT_SECONDS = 15.0
LARGEST_BYTES = 64 * 1024
# A server that is restarting does not listen for a moment.
PAUSES_SECONDS = (0.5, 1.0, 2.0)


def new_secret() -> str:
    """Return a signing secret for one run: 32 random bytes in the format of endpoint secrets."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class Forwarder:
    """Posts events to one address. Use as a context manager."""

    def __init__(self, url: str, secret: str) -> None:
        parse_url(url, option="--forward-to", example="http://localhost:3000/hook")
        self.url = url
        self._signer = standardwebhooks.Webhook(secret)
        # Connect directly: proxies from the environment are meant for remote hosts.
        self._http = httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)

    def __enter__(self) -> Forwarder:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def forward(self, event: dict[str, Any], *, api_url: str) -> str:
        """Post `event`. Return a line with the status and the duration in milliseconds."""
        body = body_of(event, api_url=api_url)
        for pause in (*PAUSES_SECONDS, None):
            now = datetime.now(UTC)
            headers = {
                "Content-Type": "application/json",
                "User-Agent": f"pomelo-cli/{__version__}",
                "webhook-id": event["id"],
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": self._signer.sign(event["id"], now, body),
            }
            began = time.monotonic()
            try:
                answer = self._http.post(self.url, content=body.encode(), headers=headers)
            except httpx.ConnectError:
                if pause is None:
                    break
                time.sleep(pause)
                continue
            except httpx.TransportError as error:
                return _line(event, f"failed: {error or type(error).__name__}", began)
            return _line(event, str(answer.status_code), began)
        return f"{_line(event, 'failed', began)}: nothing listens at {self.url}. Start your server, then --since sends again"


def body_of(event: dict[str, Any], *, api_url: str) -> str:
    """Return the webhook body of `event`; above 64 KiB, with the object's id and a link instead of the object."""
    body = _json(event)
    if len(body.encode()) <= LARGEST_BYTES:
        return body
    whole = event["data"]["object"]
    thin = {
        "object": {name: whole[name] for name in ("id", "object") if name in whole},
        "thin": True,
        "url": f"{api_url}/v1/events/{event['id']}",
    }
    return _json({**event, "data": thin})


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _line(event: dict[str, Any], outcome: str, began: float) -> str:
    took = (time.monotonic() - began) * 1000
    return f"{datetime.now().astimezone():%H:%M:%S}  {event['type']}  {event['id']}  {outcome}  {took:.0f} ms"
