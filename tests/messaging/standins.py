"""Small HTTP servers in place of vendors' servers, with just enough of their API for the vendor's SDK."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.serving import serving

# The body is JSON, or bytes as they are.
Answer = tuple[int, dict[str, Any] | bytes]


@dataclass
class StandIn:
    """The requests the server received, and its responses: `answer(path, fields)` returns a status and a JSON body."""

    answer: Callable[[str, dict[str, Any]], Answer]
    requests: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list)
    url: str = ""
    delay_seconds: float = 0.0


@contextlib.contextmanager
def stand_in(answer: Callable[[str, dict[str, Any]], Answer]) -> Iterator[StandIn]:
    """Run a stand-in on a free port."""
    state = StandIn(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            if "json" in self.headers.get("Content-Type", ""):
                fields = json.loads(body)
            else:
                fields = {name: values[0] for name, values in parse_qs(body).items()}
            state.requests.append((self.path, fields, dict(self.headers)))
            time.sleep(state.delay_seconds)
            status, data = state.answer(self.path, fields)
            content = data if isinstance(data, bytes) else json.dumps(data).encode()
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(server) as state.url:
        yield state


# The vendor's response for a number: (HTTP status, error code).
TWILIO_REFUSALS = {
    "+4930111111": (400, 21211),
    "+4930222222": (400, 21610),
    "+4930333333": (400, 21606),
    "+4930444444": (429, 20429),
    "+4930555555": (503, 20503),
    "+4930666666": (401, 20003),
    "+4930777777": (403, 20403),
    "+4930888888": (408, 0),
    "+4930999999": (425, 0),
}


def twilio_api(path: str, fields: dict[str, Any]) -> Answer:
    """Respond to `POST /2010-04-01/Accounts/{sid}/Messages.json` like Twilio."""
    if fields["To"] in TWILIO_REFUSALS:
        status, code = TWILIO_REFUSALS[fields["To"]]
        return status, {"code": code or None, "message": f"refused {code}", "status": status}
    if fields["To"] == "+4930121212":
        return 201, b"<html>taken</html>"
    if fields["To"] == "+4930131313":
        return 400, {
            "type": "https://example.com/21211",
            "title": "No such number",
            "status": 400,
            "code": 21211,
        }
    return 201, {"sid": f"SM{abs(hash(fields['To'])):032x}"[:34], "status": "queued", "to": fields["To"]}


# Postmark is a paid service, so it is simulated: (HTTP status, error code), by the address's local part.
POSTMARK_REFUSALS = {
    "no-token": (401, 10),
    "not-allowed": (403, 0),
    "too-slow": (408, 0),
    "too-early": (425, 0),
    "too-many": (429, 0),
    "busy": (503, 100),
}


def postmark_api(path: str, fields: dict[str, Any]) -> Answer:
    """Respond to `POST /email` like Postmark."""
    local_part = fields["To"].partition("@")[0]
    if local_part in POSTMARK_REFUSALS:
        status, code = POSTMARK_REFUSALS[local_part]
        return status, {"ErrorCode": code, "Message": f"refused {status}"}
    if local_part == "garbled":
        return 200, b"<html>taken</html>"
    if "inactive" in fields["To"]:
        return 422, {
            "ErrorCode": 406,
            "Message": f"You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: {fields['To']}. Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a manual suppression.",
        }
    if "broken" in fields["To"]:
        return 422, {"ErrorCode": 300, "Message": "Invalid 'From' address: 'x'"}
    return 200, {
        "To": fields["To"],
        "SubmittedAt": "2026-11-21T00:00:00Z",
        "MessageID": "0a129aee-e1cd-480d-b08d-4f48548ff48d",
        "ErrorCode": 0,
        "Message": "OK",
    }
