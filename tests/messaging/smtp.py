"""A real SMTP server (aiosmtpd) for tests, which responds according to the recipient's local part, and raw servers that violate the
protocol.
"""

import asyncio
import contextlib
import email
import email.policy
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

# Local part → the reply to RCPT TO.
RCPT_ANSWERS = {
    "greylisted": "450 4.2.0 Greylisted, try again",
    "full": "452 4.2.2 Mailbox full",
    "unknown": "550 5.1.1 No such user",
    "gone": "550 no such mailbox here",
    "blocked": "550 5.7.1 Blocked by policy",
    "odd": "554 5.0.0 No",
}
# Local part → the reply to the data of a message with this recipient.
DATA_ANSWERS = {
    "datatemp": "451 4.3.0 Try again later",
    "dataperm": "554 5.6.0 Message refused as spam",
}


@dataclass
class Received:
    """A message accepted by the server."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    raw: bytes

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])


@dataclass
class Mailhost:
    """The server's handler, and the messages it received."""

    received: list[Received] = field(default_factory=list)
    connections: int = 0
    mail_answer: str | None = None
    delay_seconds: float = 0.0

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]) -> list[str]:  # fmt: skip  # noqa: N802
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # fmt: skip  # noqa: N802
        if self.mail_answer:
            return self.mail_answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # fmt: skip  # noqa: N802
        refusal = RCPT_ANSWERS.get(address.partition("@")[0].partition("+")[0])
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        await asyncio.sleep(self.delay_seconds)
        for address in envelope.rcpt_tos:
            refusal = DATA_ANSWERS.get(address.partition("@")[0].partition("+")[0])
            if refusal:
                return refusal
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.received.append(Received(envelope.mail_from, list(envelope.rcpt_tos), message, envelope.content))
        return "250 OK"

    def to(self, address: str) -> list[Received]:
        """Return the messages received for an address."""
        return [item for item in self.received if address in item.recipients]

    def of(self, public_id: str) -> list[Received]:
        """Return the copies received of a message."""
        return [item for item in self.received if item.message_id.startswith(f"<{public_id}@")]


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def mail_server() -> Iterator[tuple[Mailhost, str]]:
    """Run the server; yields its handler and its URL."""
    handler = Mailhost()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield handler, f"smtp://127.0.0.1:{controller.port}"
    finally:
        controller.stop()


@contextlib.contextmanager
def raw_server(converse: Callable[[socket.socket], None]) -> Iterator[str]:
    """Run a server that passes every connection to `converse`, which may misbehave; yields its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                converse(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"smtp://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stopping.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def converse_until(command: bytes, then: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    """Return a conversation that is correct until the client sends `command`, and then calls `then`."""

    def converse(connection: socket.socket) -> None:
        connection.sendall(b"220 test\r\n")
        stream = connection.makefile("rb")
        in_data = False
        for line in stream:
            if in_data:
                if line == b".\r\n":
                    in_data = False
                    if command == b".":
                        then(connection)
                        return
                    connection.sendall(b"250 OK\r\n")
                continue
            if line.upper().startswith(command):
                then(connection)
                return
            if line.upper().startswith(b"DATA"):
                in_data = True
                connection.sendall(b"354 Go\r\n")
            else:
                connection.sendall(b"250 OK\r\n")

    return converse


def drip(connection: socket.socket) -> None:
    """Reply with line after line, never the last, until the client disconnects."""
    while True:
        connection.sendall(b"250-wait\r\n")
        time.sleep(0.1)


def drip_bytes(connection: socket.socket) -> None:
    """Reply with an endless line, a byte at a time, until the client disconnects."""
    while True:
        connection.sendall(b"2")
        time.sleep(0.1)


def refuse_login(connection: socket.socket) -> None:
    """Ask for a password and reject all."""
    connection.sendall(b"220 test\r\n")
    for line in connection.makefile("rb"):
        if line.upper().startswith(b"EHLO"):
            connection.sendall(b"250-test\r\n250 AUTH PLAIN\r\n")
        elif line.upper().startswith(b"AUTH"):
            connection.sendall(b"535 5.7.8 Wrong password\r\n")
        else:
            connection.sendall(b"250 OK\r\n")


def refuse_first_and_leave_at(moment: str) -> Callable[[socket.socket], None]:
    """Return a conversation that rejects `gone@`, and disconnects at the next RCPT, or at DATA."""

    def converse(connection: socket.socket) -> None:
        connection.sendall(b"220 test\r\n")
        for line in connection.makefile("rb"):
            if b"gone@" in line:
                connection.sendall(b"550 5.1.1 No such user\r\n")
            elif line.startswith(b"rcpt") and moment == "RCPT":
                connection.sendall(b"421 Closing\r\n")
                return
            elif line.startswith(b"data"):
                return
            else:
                connection.sendall(b"250 OK\r\n")

    return converse
