"""Forms that act once, however often they are sent: a double click, a reload, the back button, two tabs.

The page carries a token, `{% one_time_token %}` in its form; the view gives what the form does to `act_once`. The answer is
kept as that of an API write is (core.api.idempotency): in the transaction that acts, for 24 hours. It needs no script.
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
    """Return the token of the form on this page: the one it was sent with while nothing came of it, else a new one."""
    sent = _sent_token(request)
    return sent if sent and not getattr(request, "form_token_is_spent", False) else uuid.uuid4().hex


def act_once(request: HttpRequest, act: Callable[[], HttpResponse], *, if_sent_before: str) -> HttpResponse:
    """Return what `act` answers; for a form that was sent before, its first answer, with the message `if_sent_before`.

    A twin that is under way is waited for. Must be called in the tenant's transaction. A refusal that `act` raises undoes
    what it wrote and is not kept: the person corrects the form and sends it again. Raises FieldErrors when the form has no
    token, or when it was sent before with other values: then nothing is done, and the page gets a new token.
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
    """Return the SHA-256 of who sent which values where: what makes two sendings of a form the same."""
    posted: MultiValueDict[str, str] = request.POST
    values = sorted((name, sent) for name, sent in posted.lists() if name not in (FIELD, _CSRF_FIELD))
    return hashlib.sha256(repr((request.user.pk, request.path, values)).encode()).digest()
