"""Email over SMTP (RFC 5321): one transaction per message, with persistent connections.

Each recipient has its own result: a 4xx is retried later, a 5xx is final. An address that does not exist
(enhanced code 5.1.x, or a bare 550, 551 or 553 to RCPT) has bounced and is suppressed; any other refusal failed.
"""

import io
import os
import re
import smtplib
import ssl
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error

from core.values.email_addresses import parse_mailbox
from core.values.urls import has_valid_port, split_url
from messaging.providers.base import CALL_SECONDS, Envelope, Result, SendOutcome, Target, same_for_all
from messaging.providers.mime import compose_signed

DEFAULT_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 587, "smtp+ssl": 465}
_STARTTLS = frozenset({"smtp+tls", "smtps"})
# Servers close idle connections, so old ones are not reused.
IDLE_SECONDS = 20
MESSAGES_PER_CONNECTION = 500

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_NO_SUCH_ADDRESS = frozenset({550, 551, 553})

Answer = tuple[int, bytes]


class _Connection(smtplib.SMTP):
    """An SMTP connection with a deadline for each call, however slowly the server responds."""

    used_at = 0.0
    messages = 0

    def __init__(self, *args: Any, deadline: float, **kwargs: Any) -> None:
        self.deadline = deadline
        super().__init__(*args, **kwargs)

    def getreply(self) -> Answer:
        """Wait for a reply within the deadline."""
        if self.file is None:
            self.file = io.BufferedReader(_Answers(self))
        return super().getreply()

    def send(self, s: Any) -> None:
        """Send within the deadline."""
        self.keep_deadline()
        super().send(s)

    def begin(self, sender: str, options: Sequence[str]) -> Answer:
        """Start a transaction: `mail` for an already validated address (RFC 5321 §4.1.2)."""
        self.putcmd("MAIL", " ".join((f"FROM:<{sender}>", *options)))
        return self.getreply()

    def name_recipient(self, address: str) -> Answer:
        """Add a recipient: `rcpt` for an already validated address."""
        self.putcmd("RCPT", f"TO:<{address}>")
        return self.getreply()

    def keep_deadline(self) -> None:
        """Set the socket's timeout to the remaining time. Raises TimeoutError if there is none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the server was too slow")
        if self.sock is not None:
            self.sock.settimeout(left)


class _Answers(io.RawIOBase):
    """The server's replies, read within the connection's deadline."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for more data. smtplib treats an OSError as the end of the connection."""
        self._connection.keep_deadline()
        sock = self._connection.sock
        return 0 if sock is None else sock.recv_into(buffer)


class _SecureConnection(_Connection, smtplib.SMTP_SSL):
    """The same over implicit TLS."""


class Smtp:
    """The provider `smtp`. `MESSAGING_SMTP_URL` is the server (smtp://, smtp+tls:// for STARTTLS, smtp+ssl://)."""

    name: ClassVar[str] = "smtp"

    @staticmethod
    def carries(channel: str) -> bool:
        """Email only."""
        return channel == "email"

    @staticmethod
    def check_settings() -> Iterator[CheckMessage]:
        """Check the URL. It contains a password, so it is never part of a message."""
        parts = split_url(settings.MESSAGING_SMTP_URL)
        if not settings.MESSAGING_SMTP_URL:
            problem = "The provider `smtp` needs MESSAGING_SMTP_URL, which is not set."
        elif parts is None:
            problem = "MESSAGING_SMTP_URL is not a URL."
        elif parts.scheme not in DEFAULT_PORTS:
            problem = f"MESSAGING_SMTP_URL starts with {parts.scheme or 'no scheme'!r}."
        elif not parts.hostname:
            problem = "MESSAGING_SMTP_URL has no host."
        elif not has_valid_port(parts):
            problem = "MESSAGING_SMTP_URL has an invalid port."
        else:
            return
        schemes = ", ".join(f"{scheme}://" for scheme in DEFAULT_PORTS)
        yield Error(
            problem,
            hint=f"Use {schemes}: for example smtp+tls://user:password@mail.example:587.",
            id="pomelo.E022",
        )

    def __init__(self) -> None:
        parts = urlsplit(settings.MESSAGING_SMTP_URL)
        self._scheme = parts.scheme
        self._host = parts.hostname or "localhost"
        self._port = parts.port or DEFAULT_PORTS[parts.scheme]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._forget)

    def send(self, envelope: Envelope) -> list[Result]:
        """Run an SMTP transaction. Failures become results of the affected recipients."""
        payload = compose_signed(envelope)
        deadline = time.monotonic() + CALL_SECONDS
        try:
            with self._connection(deadline) as connection:
                return self._transact(connection, envelope, payload)
        except smtplib.SMTPAuthenticationError as error:
            # An error of the operator's, so the message waits until the password is corrected.
            return same_for_all(envelope, "deferred", code="smtp_login", detail=_text(error.smtp_error))
        except smtplib.SMTPResponseException as error:
            return same_for_all(
                envelope,
                "deferred",
                code=_code(error.smtp_code, _text(error.smtp_error)),
                detail=_text(error.smtp_error),
            )
        except (smtplib.SMTPException, OSError) as error:
            return same_for_all(envelope, "deferred", code="smtp_connection", detail=_describe(error))

    def _transact(self, connection: _Connection, envelope: Envelope, payload: bytes) -> list[Result]:
        return_path = _return_path(envelope)
        options = [f"size={len(payload)}"] if connection.has_extn("size") else []
        if not payload.isascii() and connection.has_extn("8bitmime"):
            options.append("body=8bitmime")
        code, text = connection.begin(return_path, options)
        if code != 250:
            connection.rset()
            return self._refused(envelope, code, _text(text))
        results: list[Result] = []
        accepted: list[Target] = []
        for target in envelope.targets:
            try:
                code, text = connection.name_recipient(target.address)
                if code == 421:
                    raise smtplib.SMTPServerDisconnected(_text(text))
            except (smtplib.SMTPException, OSError) as error:
                return _results_on_disconnect(connection, envelope, results, error)
            if code in (250, 251):
                accepted.append(target)
            else:
                results.append(_rcpt_result(target.recipient_id, code, _text(text)))
        if not accepted:
            connection.rset()
            return results
        try:
            code, reply_text = connection.data(payload)
            answer = _text(reply_text)
        except smtplib.SMTPDataError as error:  # the server refused the DATA command itself
            code, answer = error.smtp_code, _text(error.smtp_error)
            connection.rset()
        except (smtplib.SMTPException, OSError) as error:
            return _results_on_disconnect(connection, envelope, results, error)
        if code == 250:
            outcome: SendOutcome = "sent"
        else:
            outcome = "failed" if 500 <= code < 600 else "deferred"
        results += [
            Result(
                target.recipient_id,
                outcome,
                code="" if code == 250 else _code(code, answer),
                detail=answer,
                provider_id=envelope.header_id if code == 250 else "",
            )
            for target in accepted
        ]
        return results

    def _refused(self, envelope: Envelope, code: int, text: str) -> list[Result]:
        outcome: SendOutcome = "failed" if 500 <= code < 600 else "deferred"
        return same_for_all(envelope, outcome, code=_code(code, text), detail=text)

    @contextmanager
    def _connection(self, deadline: float) -> Iterator[_Connection]:
        """Lend a connection, which is only reused after a successful transaction."""
        connection = self._take_idle() or self._open(deadline)
        connection.deadline = deadline
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        connection.messages += 1
        connection.used_at = time.monotonic()
        if connection.sock is None or connection.messages >= MESSAGES_PER_CONNECTION:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)

    def _take_idle(self) -> _Connection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if time.monotonic() - connection.used_at < IDLE_SECONDS and _is_open(connection):
                return connection
            connection.close()

    def _open(self, deadline: float) -> _Connection:
        timeout = max(0.001, deadline - time.monotonic())
        if self._scheme == "smtp+ssl":
            connection: _Connection = _SecureConnection(
                self._host,
                self._port,
                timeout=timeout,
                deadline=deadline,
                context=ssl.create_default_context(),
            )
        else:
            connection = _Connection(self._host, self._port, timeout=timeout, deadline=deadline)
        try:
            if self._scheme in _STARTTLS:
                connection.starttls(context=ssl.create_default_context())
            connection.ehlo_or_helo_if_needed()
            if self._user:
                connection.login(self._user, self._password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _forget(self) -> None:
        """Drop all connections, because a forked child must not use its parent's."""
        self._idle = []
        self._lock = threading.Lock()


def _return_path(envelope: Envelope) -> str:
    """Return the return path: the operator's address, or one under the sender's domain if its DNS points to the operator (SPF)."""
    own = settings.MESSAGING_RETURN_PATH
    address = parse_mailbox(own or envelope.sender).address
    if own and envelope.proof and envelope.proof.return_host:
        return f"{address.rpartition('@')[0]}@{envelope.proof.return_host}"
    return address


def _results_on_disconnect(
    connection: _Connection, envelope: Envelope, results: list[Result], error: Exception
) -> list[Result]:
    """Return the results after the server disconnected. Replies already received for a recipient are kept."""
    connection.close()
    known = {result.recipient_id for result in results}
    return [
        *results,
        *(
            Result(target.recipient_id, "deferred", code="smtp_connection", detail=_describe(error))
            for target in envelope.targets
            if target.recipient_id not in known
        ),
    ]


def _is_open(connection: _Connection) -> bool:
    """Return whether an idle connection is still open: there must be nothing to read, not even its end."""
    if connection.sock is None:
        return False
    connection.sock.setblocking(False)
    try:
        connection.sock.recv(1)  # a final reply or the end of the stream: the connection is closed
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    else:
        return False
    finally:
        with suppress(OSError):
            connection.sock.settimeout(CALL_SECONDS)


def _rcpt_result(recipient_id: uuid.UUID, code: int, text: str) -> Result:
    enhanced = _ENHANCED.search(text)
    if not 500 <= code < 600:
        outcome: SendOutcome = "deferred"
    elif (enhanced and enhanced[1] == "5" and enhanced[2] == "1") or (
        not enhanced and code in _NO_SUCH_ADDRESS
    ):
        outcome = "bounced"
    else:
        outcome = "failed"
    return Result(
        recipient_id,
        outcome,
        code=_code(code, text),
        detail=text,
        suppress=outcome == "bounced",
    )


def _code(code: int, text: str) -> str:
    """Return the stable code of a rejection: `smtp_5.1.1` if there is an enhanced code, otherwise `smtp_550`."""
    enhanced = _ENHANCED.search(text)
    return f"smtp_{enhanced[0]}" if enhanced else f"smtp_{code}"


def _text(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    return text.replace("\x00", "").strip()[:500]


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {_text(str(error))}"


PROVIDER = Smtp
