"""Email by SMTP (RFC 5321): one transaction per message, connections kept open between them.

Each recipient's own answer is kept apart: a 4xx is tried again later, a 5xx is final. An address that does not exist
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

from core.values.email_addresses import parse_mailbox
from messaging.providers.base import CALL_SECONDS, Envelope, Result, SendOutcome, Target, same_for_all
from messaging.providers.mime import compose_signed

DEFAULT_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 587, "smtp+ssl": 465}
_STARTTLS = frozenset({"smtp+tls", "smtps"})
# Servers drop idle connections; an old one is not worth the try.
IDLE_SECONDS = 20
MESSAGES_PER_CONNECTION = 500

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_NO_SUCH_ADDRESS = frozenset({550, 551, 553})

Answer = tuple[int, bytes]


class _Connection(smtplib.SMTP):
    """An SMTP connection on which every call has one deadline, however slowly the server drips."""

    used_at = 0.0
    messages = 0

    def __init__(self, *args: Any, deadline: float, **kwargs: Any) -> None:
        self.deadline = deadline
        super().__init__(*args, **kwargs)

    def getreply(self) -> Answer:
        """Wait for an answer no longer than the deadline allows."""
        if self.file is None:
            self.file = io.BufferedReader(_Answers(self))
        return super().getreply()

    def send(self, s: Any) -> None:
        """Send no longer than the deadline allows."""
        self.keep_deadline()
        super().send(s)

    def begin(self, sender: str, options: Sequence[str]) -> Answer:
        """Begin a transaction: `mail`, for an address that is one already (RFC 5321 §4.1.2) and need not be parsed again."""
        self.putcmd("MAIL", " ".join((f"FROM:<{sender}>", *options)))
        return self.getreply()

    def name_recipient(self, address: str) -> Answer:
        """Name a recipient: `rcpt` in the same way."""
        self.putcmd("RCPT", f"TO:<{address}>")
        return self.getreply()

    def keep_deadline(self) -> None:
        """Give the next step on the socket what is left of the time; raises TimeoutError when nothing is."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the server was too slow")
        if self.sock is not None:
            self.sock.settimeout(left)


class _Answers(io.RawIOBase):
    """What the server says, each piece of which has to come before the connection's deadline."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def readable(self) -> bool:
        """Return True: it is read and never written."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for the next piece; smtplib takes an OSError for the end of the connection."""
        self._connection.keep_deadline()
        sock = self._connection.sock
        return 0 if sock is None else sock.recv_into(buffer)


class _SecureConnection(_Connection, smtplib.SMTP_SSL):
    """The same over TLS from the first byte."""


class Smtp:
    """The provider `smtp`; `MESSAGING_SMTP_URL` says where (smtp://, smtp+tls:// for STARTTLS, smtp+ssl://)."""

    name: ClassVar[str] = "smtp"

    @staticmethod
    def carries(channel: str) -> bool:
        """Email only."""
        return channel == "email"

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
        """Run one SMTP transaction; every failure becomes the result of the recipients it concerns."""
        payload = compose_signed(envelope)
        deadline = time.monotonic() + CALL_SECONDS
        try:
            with self._connection(deadline) as connection:
                return self._transact(connection, envelope, payload)
        except smtplib.SMTPAuthenticationError as error:
            # The operator's mistake, not the message's: it waits until the password is right.
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
            code, said = connection.data(payload)
            answer = _text(said)
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
        """Lend a connection; it goes back only after a transaction that ended well."""
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
        """A forked child must not speak on its parent's connections."""
        self._idle = []
        self._lock = threading.Lock()


def _return_path(envelope: Envelope) -> str:
    """Return where bounces go: the operator's address, under the sender's own domain where DNS leads from there to it (SPF)."""
    own = settings.MESSAGING_RETURN_PATH
    address = parse_mailbox(own or envelope.sender).address
    if own and envelope.proof and envelope.proof.return_host:
        return f"{address.rpartition('@')[0]}@{envelope.proof.return_host}"
    return address


def _results_on_disconnect(
    connection: _Connection, envelope: Envelope, results: list[Result], error: Exception
) -> list[Result]:
    """Return the results when the server has gone: what it said before about a recipient stays said."""
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
    """Tell whether an idle connection is still there: nothing may be waiting to be read, not even its end."""
    if connection.sock is None:
        return False
    connection.sock.setblocking(False)
    try:
        connection.sock.recv(1)  # the server's farewell, or the end of the stream: either way it is over
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
    """Return the stable code of a refusal: `smtp_5.1.1` where the server says so, else `smtp_550`."""
    enhanced = _ENHANCED.search(text)
    return f"smtp_{enhanced[0]}" if enhanced else f"smtp_{code}"


def _text(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    return text.replace("\x00", "").strip()[:500]


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {_text(str(error))}"


PROVIDER = Smtp
