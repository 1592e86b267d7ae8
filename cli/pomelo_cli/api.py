"""Requests to Pomelo's API with one key, and explanations of its errors for the user."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any

import httpx

from pomelo_cli import __version__
from pomelo_cli.problems import Problem, Unreachable

# Longer than the server's long poll (pomelo_cli.reading.WAIT_SECONDS).
TIMEOUT_SECONDS = 30.0
# A longer Retry-After is capped at this; then the request is retried.
LONGEST_WAIT_SECONDS = 300.0


class Api:
    """One company's API in one mode. Use as a context manager."""

    def __init__(self, url: str, secret: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = _checked_url(url)
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {secret}", "User-Agent": f"pomelo-cli/{__version__}"},
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,  # do not send the key to another host
            transport=transport,
        )

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, parameters: Mapping[str, str | int] | None = None) -> Any:
        """Return the parsed response. Raises Unreachable if a retry may help, Problem if it will not."""
        return self._send("GET", path, params=dict(parameters or {}))

    def write(self, method: str, path: str, body: Any = None, *, key: str) -> Any:
        """Send `body` with the idempotency key `key`. Return the parsed response, None if it is empty. Raises like `get`."""
        return self._send(method, path, json=body or {}, headers={"Idempotency-Key": key})

    def delete(self, path: str, *, key: str) -> None:
        """Delete the resource at `path`. Raises like `get`."""
        self._send("DELETE", path, headers={"Idempotency-Key": key})

    def _send(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise Unreachable(f"{self.url} does not answer ({error})") from error
        if answer.is_success:
            return _parsed(answer) if answer.content else None
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Unreachable(f"{self.url} answered {answer.status_code}", retry_after=_retry_after(answer))
        raise Problem(_explained(answer, self.url))


def parse_url(text: str, *, option: str, example: str) -> httpx.URL:
    """Return the URL that `option` was given. Raises Problem, with an example, for what is none of http or https."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = None
    if url is None or url.scheme not in ("http", "https") or not url.host:
        raise Problem(f"{option} {text!r} is not a URL: use one such as {example}")
    return url


def _checked_url(text: str) -> str:
    """Return the URL without its trailing slash. Raises Problem for one that a key must not be sent to."""
    url = parse_url(text, option="--api-url", example="https://pomelo.example.com")
    if url.scheme == "http" and not is_loopback(url.host):
        raise Problem(
            f"--api-url {text!r} would send your key unencrypted: use https:// (http:// is for this machine only)"
        )
    return text.rstrip("/").removesuffix("/v1")


def is_loopback(host: str) -> bool:
    """Return whether `host` is a loopback name or address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _parsed(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise Problem(
            f"{answer.url} answered something that is not JSON: is --api-url the address of Pomelo?"
        ) from error


def _retry_after(answer: httpx.Response) -> float | None:
    """Return the seconds of Retry-After (RFC 9110 §10.2.3: a number, or a date), or None."""
    text = answer.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS) if math.isfinite(seconds) else None


def _explained(answer: httpx.Response, url: str) -> str:
    """Return what an error means and how to fix it."""
    try:
        problem = answer.json()
        error = problem["error"]
        summary = f"{problem['detail']} ({error['code']})"
    except (ValueError, KeyError, TypeError):
        return f"{answer.url} answered {answer.status_code}: is {url} the address of Pomelo? Set --api-url or POMELO_API_URL"
    if answer.status_code == 401:
        return (
            f"{summary}\nThe key in POMELO_SECRET is not accepted by {url}. Copy a test key (pm_test_…) from the dashboard"
            " (API keys) again, whole, and check --api-url: a key is known to the Pomelo that made it only."
        )
    if scopes := error.get("required_scopes"):
        return f"{summary}\nGive the key the scope {' or '.join(scopes)} on the dashboard (API keys), or use one that has it."
    fields = [f"{each.get('field')}: {each.get('message')}" for each in error.get("fields") or []]
    return "\n".join([summary, *fields])
