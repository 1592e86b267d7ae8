"""Idempotent forms: submitting one repeatedly (double click, reload, back button, two tabs) has a single effect.

The form contains a token, `{% one_time_token %}`, and its view passes the action to `act_once`. Like that of an API write
(core.api.idempotency), the response is stored for as long, in the action's own transaction. Works without scripts.
"""

import hashlib
import re
import uuid
from collections.abc import Callable

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.datastructures import MultiValueDict

from core.api.idempotency import FORM_KEYS, keep, lock_and_look_up, replay
from core.errors import FieldError, FieldErrors

FIELD = "form_token"
_TOKEN = re.compile("[0-9a-f]{32}")
_CSRF_FIELD = "csrfmiddlewaretoken"


def token_for(request: HttpRequest) -> str:
    """Return the form's token: the submitted one if it has not been used, otherwise a new one."""
    sent = _sent_token(request)
    return sent if sent and not getattr(request, "form_token_is_spent", False) else uuid.uuid4().hex


def act_once(request: HttpRequest, act: Callable[[], HttpResponse], *, if_sent_before: str) -> HttpResponse:
    """Return the response of `act`, or the stored response with the message `if_sent_before` if the form was submitted before.

    Waits for a concurrent submission of the same form. Must be called in the tenant's transaction. An error raised by `act`
    rolls back its writes and is not stored, so the form can be corrected and submitted again. Raises FieldErrors without
    calling `act` if the token is missing, or was used with other values; the page then gets a new token.
    """
    token = _sent_token(request)
    if not token:
        raise FieldErrors([FieldError(FIELD, "required", "The form was incomplete. Please submit it again.")])
    key, mark = f"{FORM_KEYS}{token}", _fingerprint(request)
    stored = lock_and_look_up(key, wait=True)
    if stored is None:
        with transaction.atomic():
            response = act()
        keep(key, mark, response)
        return response
    if stored.fingerprint != mark:
        request.form_token_is_spent = True  # type: ignore[attr-defined]
        text = "This form was already submitted with other values, and that worked. Submit it again if you want this as well."
        raise FieldErrors([FieldError(FIELD, "sent_before", text)])
    messages.info(request, if_sent_before)
    return replay(stored)


def _sent_token(request: HttpRequest) -> str:
    token = request.POST.get(FIELD, "") if request.method == "POST" else ""
    return token if _TOKEN.fullmatch(token) else ""


def _fingerprint(request: HttpRequest) -> bytes:
    """Return the SHA-256 of user, path and values, which identifies repeated submissions of a form."""
    posted: MultiValueDict[str, str] = request.POST
    values = sorted((name, sent) for name, sent in posted.lists() if name not in (FIELD, _CSRF_FIELD))
    return hashlib.sha256(repr((request.user.pk, request.path, values)).encode()).digest()
