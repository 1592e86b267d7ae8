"""Reads the credential from a request: the three accepted places (docs/architecture.md, Contracts). In the query it is refused."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from apikeys.refusals import CredentialInQuery
from core.api.errors import InvalidCredentials, MissingCredentials

MAX_SECRET_LENGTH = 128
_QUERY_MARKS = ("pm_live_", "pm_test_", "client_secret=", "api_key=", "access_token=")


@dataclass(frozen=True, slots=True, repr=False)
class Credential:
    """The credential the caller presented. Its repr shows neither part."""

    secret: str
    client_id: str | None

    def __repr__(self) -> str:
        return "<Credential>"


def read_credential(meta: Mapping[str, str]) -> Credential:
    """The credential of a WSGI environ. Raises CredentialInQuery, MissingCredentials or InvalidCredentials."""
    query = meta.get("QUERY_STRING")
    if query and _names_credential(query):
        raise CredentialInQuery(
            "A credential was sent in the query string. Send it in a header and rotate the key."
        )
    authorization = meta.get("HTTP_AUTHORIZATION")
    client_id = meta.get("HTTP_X_CLIENT_ID")
    header_secret = meta.get("HTTP_X_CLIENT_SECRET")
    if not authorization:
        if not header_secret:
            raise MissingCredentials("Send a credential, for example Authorization: Bearer <client secret>.")
        if not client_id:
            raise InvalidCredentials("X-Client-Secret must be sent with X-Client-Id.")
        return _checked(header_secret, client_id)
    if header_secret:
        raise InvalidCredentials("Two credentials were sent: use Authorization or X-Client-Secret, not both.")
    scheme, _, rest = authorization.partition(" ")
    kind = scheme.lower()
    if kind == "bearer":
        return _checked(rest.strip(), client_id)
    if kind == "basic":
        named, secret = _read_basic(rest)
        if client_id is not None and client_id != named:
            raise InvalidCredentials("X-Client-Id and HTTP Basic name two different keys.")
        return _checked(secret, named)
    raise InvalidCredentials("Unknown Authorization scheme: use Bearer or Basic.")


def _checked(secret: str, client_id: str | None) -> Credential:
    if not secret or len(secret) > MAX_SECRET_LENGTH or not secret.isascii():
        raise InvalidCredentials("The secret is empty, too long or not ASCII.")
    return Credential(secret, client_id)


def _read_basic(encoded: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidCredentials("HTTP Basic is not Base64 of client_id:client_secret.") from error
    named, separator, secret = text.partition(":")
    if not separator or not named:
        raise InvalidCredentials("HTTP Basic needs client_id:client_secret.")
    return named, secret


def _names_credential(query: str) -> bool:
    text = unquote(query) if "%" in query else query
    return any(mark in text for mark in _QUERY_MARKS)
